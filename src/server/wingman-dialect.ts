import type { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/agentry/v1/error_pb.js";
import type { WingmanError } from "../compat/wingman/errors.js";
import { toWingmanError } from "../compat/wingman/errors.js";
import type { Dialect } from "../transcode/dialect.js";
import { reasonOf } from "./codes.js";
import { errorInfoOf } from "./error-info.js";
import type { Mount } from "./http-exchange.js";
import { headerOf, pathnameOf } from "./http-exchange.js";
import { replyJson } from "./reply.js";
import { requestIdHeader } from "./request-id.js";

/**
 * How Wingman's routes speak: snake_case names, what is empty left out, what is unknown passed over, errors as
 * `{"error":"…"}` with more beside it, and bodies read as JSON where `curl -d` calls them a form or nothing.
 * A web page can send such a body too; the guard refuses it by the headers that a browser adds.
 */
export const wingmanDialect: Dialect = {
  fieldNames: "proto",
  printDefaults: false,
  unknownQuery: "ignore",
  unknownFields: "ignore",
  slashAtEnd: "ignore",
  foldNames: true,
  extraContentTypes: ["application/x-www-form-urlencoded", ""],
  error: (error, requestId) => describe(error, requestId),
  streamError: (error, requestId) => ({
    event: "error",
    data: { type: "error", ...describe(error, requestId).body },
  }),
};

function describe(error: ConnectError, requestId: string): WingmanError {
  const info = errorInfoOf(error, requestId);
  return toWingmanError({
    reason: reasonOf(info.reason),
    message: error.rawMessage,
    requestId,
    fromService: error.findDetails(ErrorInfoSchema).length > 0,
    metadata: info.metadata,
    retryAfterMs: info.retryAfterMs,
  });
}

/** Answers 404 in Wingman's words where one of its trees has no such path. */
export const wingmanNotFound: Mount = {
  matches: (pathname) => /^\/(?:agents|sessions|provider|fleets)(?:\/|$)/.test(pathname),
  handle(request, response) {
    const message = `there is nothing at ${JSON.stringify(pathnameOf(request).slice(0, 200))}`;
    const { body, status } = toWingmanError({
      reason: "not_found",
      message,
      requestId: headerOf(request, requestIdHeader) ?? "",
      fromService: true,
      metadata: {},
    });
    replyJson(request, response, { status, body });
  },
};
