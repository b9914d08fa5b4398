import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { errorCode } from "../core/error-code.js";
import { newId } from "../core/id.js";
import type { Refusal } from "./reply.js";
import { lingerMs, refusalBody } from "./reply.js";
import { requestIdHeader } from "./request-id.js";

/**
 * Answers what the HTTP/1.1 parser does not understand, and requests that come too slowly, with the JSON of every
 * refusal, and closes the connection. Where a response has begun the connection ends without a word, which would
 * be taken for a part of it.
 */
export function answerParserErrors(server: Server): void {
  /** The responses of late: on a connection, the next one begins when the one before has ended. */
  const recent = new WeakMap<Duplex, ServerResponse[]>();
  const note = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const before = recent.get(socket);
    if (before?.some(isUnfinished)) before.push(response);
    else recent.set(socket, [response]);
  };
  server.on("request", note).on("checkContinue", note);
  const answered = new WeakSet<Duplex>();
  server.on("clientError", (error, socket) => {
    // Whatever else the caller sends is not understood either.
    if (answered.has(socket)) return;
    const begun = recent.get(socket)?.some((response) => response.headersSent && isUnfinished(response));
    if (begun || !socket.writable) {
      socket.destroy();
      return;
    }
    answered.add(socket);
    socket.end(refusalText(refusalOf(errorCode(error))));
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(timer));
  });
}

const isUnfinished = ({ writableFinished }: ServerResponse): boolean => !writableFinished;

function refusalOf(code: string): Refusal {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, reason: "timeout", message: "the request took too long to arrive" };
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return {
        status: 413,
        reason: "exhausted",
        message: "the chunk extensions of the request are too large",
      };
    case "HPE_HEADER_OVERFLOW":
      return {
        status: 431,
        reason: "exhausted",
        message: "the target and headers of the request are too large",
      };
    case "HPE_INVALID_METHOD":
      return { status: 400, reason: "invalid", message: "the method of the request is unknown" };
    case "HPE_INVALID_URL":
      return {
        status: 400,
        reason: "invalid",
        message: "the target of the request has characters that must be percent-encoded",
      };
    default:
      return { status: 400, reason: "invalid", message: "the request is no well-formed HTTP/1.1" };
  }
}

const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  413: "Payload Too Large",
  431: "Request Header Fields Too Large",
};

function refusalText(refusal: Refusal): string {
  const id = newId();
  const body = `${JSON.stringify(refusalBody(refusal, id))}\n`;
  const lines = [
    `HTTP/1.1 ${refusal.status} ${phrases[refusal.status] ?? ""}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    `${requestIdHeader}: ${id}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
