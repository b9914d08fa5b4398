import { create } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import type { LocalFields } from "./message-field.js";
import { asFields, findField, isFieldSet, writeField } from "./message-field.js";
import type { CompiledBinding } from "./rules.js";

/** Names the members of a JSON body in the request's field mask, where that is empty. */
export type MaskFiller = (message: LocalFields, members: unknown) => void;

/**
 * For a PATCH whose body is one field of a message that has exactly one FieldMask: without a mask, a member
 * that is zero or null could not be told from one that is absent. What the path sets is not named.
 */
export function createMaskFiller(binding: CompiledBinding): MaskFiller | undefined {
  const { bodyTarget: field, method } = binding;
  if (binding.verb !== "PATCH" || field === undefined || field === "*") return undefined;
  if (field.fieldKind !== "message") return undefined;
  const masks = method.input.fields.filter(
    (candidate) =>
      candidate.fieldKind === "message" &&
      candidate.message.typeName === FieldMaskSchema.typeName &&
      !candidate.oneof,
  );
  const [mask] = masks;
  if (mask === undefined || masks.length > 1) return undefined;
  return (message, members) => {
    if (isFieldSet(message, mask)) return;
    const paths: string[] = [];
    for (const key of Object.keys(asFields(members))) {
      const name = findField(field.message, key)?.name;
      if (name !== undefined && !binding.pathParameters.includes(`${field.name}.${name}`)) paths.push(name);
    }
    writeField(message, mask, create(FieldMaskSchema, { paths }));
  };
}
