import { invalid } from "../core/fault.js";

/** An opaque page token for the messages after the one at this position, as other lists have them. */
export function writeMessageToken(index: number): string {
  return Buffer.from(`messages:${index}`).toString("base64url");
}

/** The position that a token is for. @throws Fault `invalid` for one that `writeMessageToken` has not written. */
export function readMessageToken(token: string): number {
  const text = token.length > 100 ? "" : Buffer.from(token, "base64url").toString();
  const index = /^messages:(\d{1,10})$/.exec(text)?.[1];
  if (index === undefined || writeMessageToken(Number(index)) !== token)
    throw invalid("the page token is not one of this list");
  return Number(index);
}
