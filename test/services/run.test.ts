import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  ListApprovalsRequestSchema,
  ListElicitationsRequestSchema,
  ListRunsRequestSchema,
  ResolveApprovalRequestSchema,
  ResolveElicitationRequestSchema,
  StartRunRequestSchema,
  WatchSessionRequestSchema,
} from "../../gen/agentry/v1/run_pb.js";
import { collect } from "../engine/room.js";
import { openServices } from "./open-services.js";

/** A value that no enum has; binary messages may hold any. */
const unknown = 99 as never;
const text = (value: string) => ({ content: { case: "text", value } as const });
const call = { content: { case: "toolCall", value: { id: "1", name: "look" } } as const };

describe("startRun", () => {
  it.each([
    ["no input", {}, "invalid"],
    ["an empty input", { input: {} }, "invalid"],
    ["an empty part", { input: { parts: [text("")] } }, "invalid"],
    ["text and parts", { input: { text: "a", parts: [text("b")] } }, "invalid"],
    ["a tool call", { input: { parts: [call] } }, "invalid"],
    ["a part without a content", { input: { parts: [{}] } }, "invalid"],
    [
      "a blob without data",
      { input: { parts: [{ content: { case: "blob", value: { mediaType: "image/png" } } }] } },
      "invalid",
    ],
    ["a blob without a type", { input: { parts: [{ content: { case: "blob", value: {} } }] } }, "invalid"],
    ["a long request id", { input: { text: "a" }, requestId: "x".repeat(201) }, "invalid"],
    ["a rule that nobody knows", { input: { text: "a" }, whenBusy: 99 }, "invalid"],
    ["an agent that is not there", { input: { text: "a" }, agentId: "none" }, "not_found"],
    ["a session that is not there", { input: { text: "a" }, sessionId: "none" }, "not_found"],
  ])("refuses %s", async (_name, request, reason) => {
    const { room, runs, call: context } = await openServices();
    const message = create(StartRunRequestSchema, {
      sessionId: await room.session(),
      ...(request as object),
    });
    await expect(runs.startRun(message, context)).rejects.toMatchObject({ reason });
    expect(room.requests).toEqual([]);
  });

  it("takes its name from the header where it has none", async () => {
    const { room, runs, call: context } = await openServices();
    context.requestHeader.set("idempotency-key", "k");
    const request = create(StartRunRequestSchema, { sessionId: await room.session(), input: { text: "a" } });
    const { run } = await runs.startRun(request, context);
    expect(run?.requestId).toBe("k");
    expect((await runs.startRun(request, context)).run?.id).toBe(run?.id);
    await room.finished(run?.id ?? "");
  });
});

describe("an image", () => {
  const heads = {
    png: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    jpeg: [0xff, 0xd8, 0xff, 0xe0],
    gif: [...Buffer.from("GIF89a")],
    webp: [...Buffer.from("RIFF\x08\0\0\0WEBP")],
  };
  const start = async (mediaType: string, data: readonly number[]) => {
    const { room, runs, call: context } = await openServices();
    const value = { mediaType, data: Uint8Array.from(data) };
    const input = { parts: [{ content: { case: "blob", value } as const }] };
    const request = create(StartRunRequestSchema, { sessionId: await room.session(), input });
    const { run } = await runs.startRun(request, context);
    await room.finished(run?.id ?? "");
  };

  it.each([
    ["image/png", heads.png],
    ["IMAGE/PNG; charset=binary", heads.png],
    ["image/jpeg", heads.jpeg],
    ["image/jpg", heads.jpeg],
    ["image/gif", heads.gif],
    ["image/webp", heads.webp],
    ["image/svg+xml", [0x3c]],
    ["text/plain", heads.png],
  ])("of %s is taken", async (mediaType, data) => {
    await start(mediaType, data);
  });

  it.each([
    ["image/png", [...Buffer.from("no image")], "a blob of image/png is no such image"],
    ["image/png", heads.png.slice(0, 7), "a blob of image/png is no such image"],
    ["image/png", heads.jpeg, "a blob of image/png is of image/jpeg"],
    [" Image/JPG ;x", heads.png, "a blob of image/jpeg is of image/png"],
    ["image/gif", [...Buffer.from("GIF88a")], "a blob of image/gif is no such image"],
    ["image/webp", [...Buffer.from("RIFF\x08\0\0\0WAVE")], "a blob of image/webp is no such image"],
  ])("of %j that is none is refused: %j", async (mediaType, data, message) => {
    await expect(start(mediaType, data)).rejects.toMatchObject({ reason: "invalid", message });
  });
});

describe("a request id beside the header", () => {
  it.each([
    ["another", "other", "k", false],
    ["the same", "k", "k", true],
    ["none", "k", "", true],
  ])("that names %s", async (_name, requestId, header, isTaken) => {
    const { room, runs, call: context } = await openServices();
    if (header) context.requestHeader.set("idempotency-key", header);
    const sessionId = await room.session();
    const request = create(StartRunRequestSchema, { sessionId, input: { text: "a" }, requestId });
    const started = runs.startRun(request, context);
    if (!isTaken) return expect(started).rejects.toMatchObject({ reason: "invalid" });
    const { run } = await started;
    expect(run?.requestId).toBe(requestId);
    await room.finished(run?.id ?? "");
  });
});

describe("requests for what is not there", () => {
  it.each([
    ["getRun", { runId: "none" }],
    ["cancelRun", { runId: "none" }],
    ["listRuns", create(ListRunsRequestSchema, { sessionId: "none" })],
    ["listApprovals", create(ListApprovalsRequestSchema, { sessionId: "none" })],
    ["listElicitations", create(ListElicitationsRequestSchema, { sessionId: "none" })],
    ["resolveApproval", create(ResolveApprovalRequestSchema, { approvalId: "none", verdict: 1 })],
    ["resolveElicitation", create(ResolveElicitationRequestSchema, { elicitationId: "none", action: 2 })],
  ] as const)("%s answers not_found", async (method, request) => {
    const { runs } = await openServices();
    await expect((runs[method] as (given: unknown) => Promise<unknown>)(request)).rejects.toMatchObject({
      reason: "not_found",
    });
  });

  it.each(["watchRun", "watchSession"] as const)("%s answers not_found", async (method) => {
    const { runs, call: context } = await openServices();
    const request = { runId: "none", sessionId: "none", after: 0 } as never;
    await expect(collect(runs[method](request, context))).rejects.toMatchObject({ reason: "not_found" });
  });
});

describe("requests that make no sense", () => {
  it.each([
    ["listApprovals", create(ListApprovalsRequestSchema, { state: unknown })],
    ["listElicitations", create(ListElicitationsRequestSchema, { state: unknown })],
    ["resolveApproval", create(ResolveApprovalRequestSchema, { verdict: unknown })],
    ["resolveApproval", create(ResolveApprovalRequestSchema, { comment: "x".repeat(10_001), verdict: 1 })],
    ["resolveApproval", create(ResolveApprovalRequestSchema)],
    ["resolveElicitation", create(ResolveElicitationRequestSchema, { action: unknown })],
    ["resolveElicitation", create(ResolveElicitationRequestSchema)],
  ] as const)("%s refuses its request", async (method, request) => {
    const { runs } = await openServices();
    await expect((runs[method] as (given: unknown) => Promise<unknown>)(request)).rejects.toMatchObject({
      reason: "invalid",
    });
  });
});

it("watches from a position, and refuses one that never was", async () => {
  const { room, runs, call: context } = await openServices();
  const sessionId = await room.session();
  const all = await room.finished(await room.start(sessionId, "a"));
  const watch = async (after: number) =>
    (
      await collect(
        runs.watchSession(create(WatchSessionRequestSchema, { sessionId, after, follow: false }), context),
      )
    ).map(({ event }) => event.seq);
  expect(await watch(3)).toEqual(all.map(({ seq }) => seq).slice(3));
  expect(await watch(all.length)).toEqual([]);
  await expect(watch(all.length + 1)).rejects.toMatchObject({
    reason: "out_of_range",
    detail: { headSeq: all.length },
  });
});
