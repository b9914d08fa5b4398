import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import { Refusal } from "./refusal.js";

/**
 * The binary form of a message. One that has none, such as a negative number where the field takes none,
 * refuses its batch as a conflict: trying again would not help, and other batches must not suffer.
 */
export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  try {
    return toBinary(schema, message);
  } catch (error) {
    throw new Refusal("conflict", error);
  }
}
