import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { enumNames } from "../transcode/enum-names.js";
import { findField } from "../transcode/message-field.js";

/** Levels of messages that are looked at; the protocol library refuses what is deeper. */
const maxDepth = 100;

/** Whether a message, or one in it, has a field with an enum. */
export function hasEnums(desc: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (isWellKnown(desc) || seen.has(desc)) return false;
  seen.add(desc);
  return desc.fields.some((field) => field.enum ?? (field.message && hasEnums(field.message, seen)));
}

/**
 * Refuses names in JSON that an enum of the message does not have. The library passes over them where it passes over
 * unknown members, and a name that is spelled wrong would mean the default. Everything else is left to the library.
 * @throws ConnectError `invalid_argument`, which names the field and says nothing of what was there.
 */
export function checkEnums(desc: DescMessage, value: unknown, path = "", depth = 0): void {
  if (isWellKnown(desc) || !isObject(value) || depth > maxDepth) return;
  for (const [name, member] of Object.entries(value)) {
    const field = findField(desc, name);
    if (field && (field.enum || field.message)) checkMember(field, member, `${path}${field.name}`, depth);
  }
}

function checkMember(field: DescField, member: unknown, path: string, depth: number): void {
  const checkOne = (item: unknown, at: string): void => {
    if (field.message) checkEnums(field.message, item, `${at}.`, depth + 1);
    else if (field.enum) checkName(field.enum, item, at);
  };
  if (field.fieldKind === "list") {
    if (Array.isArray(member))
      for (const [index, item] of member.entries()) checkOne(item, `${path}[${index}]`);
  } else if (field.fieldKind === "map") {
    if (isObject(member)) for (const item of Object.values(member)) checkOne(item, `a value of ${path}`);
  } else {
    checkOne(member, path);
  }
}

function checkName(desc: DescEnum, value: unknown, path: string): void {
  if (typeof value !== "string" || desc.values.some(({ name }) => name === value)) return;
  const names = enumNames(desc);
  const expected = names === "" ? `a name of ${desc.typeName}` : names;
  throw new ConnectError(`${path} has a name that is unknown; expected ${expected}`, Code.InvalidArgument);
}

/** What has a JSON form of its own. */
const isWellKnown = ({ typeName }: DescMessage): boolean => typeName.startsWith("google.protobuf.");

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
