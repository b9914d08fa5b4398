import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPError } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { errorCode } from "../../core/error-code.js";
import { Fault } from "../../core/fault.js";
import { showName, takeStart } from "../show-text.js";

const longest = 300;

/** What went wrong with a server, as a Fault with one line for people. */
export function serverFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof UnauthorizedError)
    return new Fault("unauthenticated", "it has to be authorized", {}, error);
  // The server has forgotten its session, which it may: another one can be begun.
  if (error instanceof StreamableHTTPError && error.code === 404)
    return new Fault("unavailable", "it has ended the session", { retryable: true }, error);
  return new Fault("unavailable", plainLine(messageOf(error)), {}, error);
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
