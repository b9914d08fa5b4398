import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPError } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { errorCode } from "../../core/error-code.js";
import { Fault } from "../../core/fault.js";
import type { Redactor } from "../../core/secrets.js";
import { showName, takeStart } from "../show-text.js";

const longest = 300;
/** UTF-16 units of what a server says of a failure that are looked at. */
const longestRead = 10_000;

/** What went wrong with a server, as a Fault with one line for people, in which there is no known secret. */
export function serverFault(error: unknown, redactor: Redactor): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof UnauthorizedError)
    return new Fault("unauthenticated", "it has to be authorized", {}, error);
  // The server has forgotten its session, which it may: another one can be begun.
  if (error instanceof StreamableHTTPError && error.code === 404)
    return new Fault("unavailable", "it has ended the session", { retryable: true }, error);
  return new Fault("unavailable", safeLine(messageOf(error), redactor), {}, error);
}

/** As `plainLine`, without secrets: also none that the line would end in. */
export function safeLine(text: string, redactor: Redactor): string {
  return plainLine(redactor.redact(takeStart(text, longestRead)));
}

/** A text of a server on one line, cut and without what is invisible. */
export function plainLine(text: string): string {
  const line = showName(text.replace(/\s+/g, " ").trim());
  return line.length > longest ? `${takeStart(line, longest)}…` : line;
}

/** Why a program is not running, behind its name or a pronoun. */
export function cannotStart(error: unknown): string {
  return `could not be started: ${errorCode(error) || "unknown error"}`;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "it failed");
