import type { DescEnum } from "@bufbuild/protobuf";

const mostNames = 20;

/**
 * The names of an enum for a message to somebody who spelled one wrong, without the one that stands for nothing
 * said; empty where they are too many to help.
 */
export function enumNames({ values }: DescEnum): string {
  const names = values.map(({ name }) => name).filter((name) => !name.endsWith("_UNSPECIFIED"));
  return names.length > mostNames ? "" : names.join(", ");
}
