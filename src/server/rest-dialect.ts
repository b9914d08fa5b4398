import type { ConnectError } from "@connectrpc/connect";
import type { Dialect } from "../transcode/dialect.js";
import { httpStatus } from "../transcode/http-status.js";
import { codeName, reasonOf } from "./codes.js";
import { errorInfoOf } from "./error-info.js";

/**
 * How the `/v1` routes speak: snake_case names, defaults printed, unknown parameters and members refused, and
 * errors as `{"code","message","reason","request_id"}` with the facts of the ErrorInfo that there are.
 */
export const restDialect: Dialect = {
  fieldNames: "proto",
  printDefaults: true,
  unknownQuery: "refuse",
  unknownFields: "refuse",
  error(error, requestId) {
    const retryAfter = error.metadata.get("retry-after");
    return {
      status: httpStatus(error.code),
      headers: retryAfter === null ? {} : { "retry-after": retryAfter },
      body: errorBody(error, requestId),
    };
  },
};

function errorBody(error: ConnectError, requestId: string): Record<string, unknown> {
  const info = errorInfoOf(error, requestId);
  return {
    code: codeName(error.code),
    message: error.rawMessage,
    reason: reasonOf(info.reason),
    request_id: requestId,
    ...(Object.keys(info.metadata).length > 0 ? { metadata: info.metadata } : {}),
    ...(info.retryAfterMs === undefined ? {} : { retry_after_ms: info.retryAfterMs }),
    ...(info.headSeq === undefined ? {} : { head_seq: info.headSeq }),
  };
}
