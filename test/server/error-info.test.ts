import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema, ErrorReason } from "../../gen/agentry/v1/error_pb.js";
import { errorReasonOf } from "../../src/core/error-reason.js";
import type { Reason } from "../../src/core/fault.js";
import { Fault } from "../../src/core/fault.js";
import { toConnectError, toFault } from "../../src/server/error-info.js";
import { restDialect } from "../../src/server/rest-dialect.js";

const table: [Reason, Code, number, string][] = [
  ["invalid", Code.InvalidArgument, 400, "invalid_argument"],
  ["unauthenticated", Code.Unauthenticated, 401, "unauthenticated"],
  ["forbidden", Code.PermissionDenied, 403, "permission_denied"],
  ["not_found", Code.NotFound, 404, "not_found"],
  ["conflict", Code.Aborted, 409, "aborted"],
  ["busy", Code.Aborted, 409, "aborted"],
  ["exhausted", Code.ResourceExhausted, 429, "resource_exhausted"],
  ["unavailable", Code.Unavailable, 503, "unavailable"],
  ["canceled", Code.Canceled, 499, "canceled"],
  ["unsupported", Code.Unimplemented, 501, "unimplemented"],
  ["internal", Code.Internal, 500, "internal"],
  ["out_of_range", Code.OutOfRange, 400, "out_of_range"],
  ["timeout", Code.DeadlineExceeded, 504, "deadline_exceeded"],
];

describe("a fault", () => {
  it.each(table)("%s becomes code %i and status %i", (reason, code, status, name) => {
    const error = toConnectError(new Fault(reason, "why"), "id-1");
    expect(error.code).toBe(code);
    const [info] = error.findDetails(ErrorInfoSchema);
    expect(ErrorReason[info?.reason ?? 0]).toBe(reason.toUpperCase());
    expect(restDialect.error(error, "id-1")).toEqual({
      status,
      headers: {},
      body: { code: name, message: "why", reason, request_id: "id-1" },
    });
  });

  it("has a word for every reason of the protocol", () => {
    const words = Object.values(ErrorReason).filter((value) => typeof value === "number" && value !== 0);
    expect(Object.values(errorReasonOf).sort()).toEqual(words.sort());
  });

  it("keeps its facts", () => {
    const fault = new Fault("out_of_range", "too far", {
      retryAfterMs: 1500.2,
      headSeq: 7,
      metadata: { kind: "session", __proto__x: "1" },
    });
    const reply = restDialect.error(toConnectError(fault, "id-2"), "id-2");
    expect(reply.headers).toEqual({ "retry-after": "2" });
    expect(reply.body).toMatchObject({
      retry_after_ms: 1501,
      head_seq: 7,
      metadata: { kind: "session", __proto__x: "1" },
    });
  });

  it.each([-5, Number.NaN, 1e20])("survives a wait of %d milliseconds", (retryAfterMs) => {
    const error = toConnectError(new Fault("exhausted", "why", { retryAfterMs }), "id");
    expect(Number(error.metadata.get("retry-after"))).toBeGreaterThanOrEqual(0);
    expect(error.findDetails(ErrorInfoSchema)[0]?.retryAfterMs).toBeGreaterThanOrEqual(0);
  });
});

describe("what is thrown", () => {
  it.each([
    ["a deadline", new DOMException("x", "TimeoutError"), "timeout"],
    ["an abort", new DOMException("x", "AbortError"), "canceled"],
    ["a mistake", new TypeError("x is not a function"), "internal"],
    ["a string", "text", "internal"],
    ["nothing", undefined, "internal"],
    ["a fault", new Fault("busy", "x"), "busy"],
  ])("%s is understood", (_, thrown, reason) => {
    expect(toFault(thrown).reason).toBe(reason);
  });

  it("by the protocol library alone has a reason too", () => {
    const reply = restDialect.error(new ConnectError("no", Code.FailedPrecondition), "id-3");
    expect(reply).toMatchObject({ status: 400, body: { code: "failed_precondition", reason: "conflict" } });
  });
});
