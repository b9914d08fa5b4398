import type { DescMessage } from "@bufbuild/protobuf";
import { checkEnums, hasEnums } from "./check-enums.js";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * How the protocol library reads JSON requests: invalid UTF-8 is refused, not replaced; unknown members are passed
 * over, unknown names of enums are not.
 */
export function jsonOptionsFor(input: DescMessage) {
  // Not in the declared type of the options, and honoured.
  const textDecoder = hasEnums(input) ? { decode: (data: Uint8Array) => checked(input, data) } : utf8;
  return { ignoreUnknownFields: true, textDecoder };
}

function checked(input: DescMessage, data: Uint8Array): string {
  const text = utf8.decode(data);
  checkEnums(input, parsed(text));
  return text;
}

/** What cannot be parsed is refused by the library. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
