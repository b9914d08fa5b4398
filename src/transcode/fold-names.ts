import type { DescField, DescMessage } from "@bufbuild/protobuf";

/**
 * A JSON body with the names of its members as the message has them, whatever their case: where a member is no
 * field but differs from one in nothing but case, it is that one. Of two members that are one field the later
 * counts. Free-form JSON stays as it is.
 */
export function foldNames(desc: DescMessage, value: unknown): unknown {
  if (desc.typeName.startsWith("google.protobuf.") || !isObject(value)) return value;
  const folded: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const field = fieldOf(desc, name);
    // Defined, not assigned: a member may be called `__proto__`.
    Object.defineProperty(folded, field?.name ?? name, {
      value: field ? foldMember(field, member) : member,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return folded;
}

function foldMember(field: DescField, member: unknown): unknown {
  if (field.fieldKind === "message") return foldNames(field.message, member);
  if (field.fieldKind === "list" && field.listKind === "message" && Array.isArray(member)) {
    return member.map((item) => foldNames(field.message, item));
  }
  return member;
}

function fieldOf({ fields }: DescMessage, name: string): DescField | undefined {
  const exact = fields.find((field) => field.name === name || field.jsonName === name);
  if (exact) return exact;
  const lower = name.toLowerCase();
  return fields.find((field) => field.name.toLowerCase() === lower || field.jsonName.toLowerCase() === lower);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
