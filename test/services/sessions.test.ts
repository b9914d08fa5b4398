import { tmpdir } from "node:os";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  ApprovalMode,
  CreateSessionRequestSchema,
  ListMessagesRequestSchema,
  ListSessionsRequestSchema,
  UpdateSessionRequestSchema,
} from "../../gen/agentry/v1/sessions_pb.js";
import { openServices } from "./open-services.js";

const bad: [string, object, string][] = [
  ["a long title", { title: "x".repeat(501) }, "invalid"],
  ["a title with NUL", { title: "a\0b" }, "invalid"],
  ["an agent that is not there", { agentId: "none" }, "not_found"],
  ["a relative folder", { workDir: "here" }, "invalid"],
  ["a folder that is not there", { workDir: "/no/such/folder" }, "invalid"],
  ["a file as folder", { workDir: "/etc/passwd" }, "invalid"],
  ["a folder with NUL", { workDir: "/tmp\0x" }, "invalid"],
  ["a long folder", { workDir: `/${"x".repeat(5000)}` }, "invalid"],
  ["a mode that nobody knows", { approvalMode: 99 }, "invalid"],
  ["a time after year 9999", { expiresAt: { seconds: 10n ** 15n } }, "invalid"],
  ["a time with too many nanoseconds", { expiresAt: { seconds: 1n, nanos: 2_000_000_000 } }, "invalid"],
  ["a long label", { labels: { a: "x".repeat(257) } }, "invalid"],
];

describe("createSession", () => {
  it.each(bad)("refuses %s", async (_name, session, reason) => {
    const { sessions } = await openServices();
    const request = create(CreateSessionRequestSchema, { session });
    await expect(sessions.createSession(request)).rejects.toMatchObject({ reason });
    expect((await sessions.listSessions(create(ListSessionsRequestSchema))).sessions).toEqual([]);
  });

  it("asks for approvals by default, and takes no id or usage from outside", async () => {
    const { sessions } = await openServices();
    const given = { id: "mine", lastSeq: 9, usage: { inputTokens: 9 }, workDir: tmpdir() };
    const { session } = await sessions.createSession(create(CreateSessionRequestSchema, { session: given }));
    expect(session).toMatchObject({ approvalMode: ApprovalMode.ASK, lastSeq: 0, usage: { inputTokens: 0 } });
    expect(session?.id).not.toBe("mine");
    expect((await sessions.createSession(create(CreateSessionRequestSchema))).session?.id).toBeDefined();
  });
});

describe("updateSession", () => {
  async function update(changes: object, paths: string[]) {
    const { sessions } = await openServices();
    const first = {
      title: "t",
      labels: { k: "v" },
      approvalMode: ApprovalMode.AUTO,
      expiresAt: { seconds: 1n },
    };
    const { session } = await sessions.createSession(create(CreateSessionRequestSchema, { session: first }));
    const request = create(UpdateSessionRequestSchema, {
      session: { id: session?.id ?? "", ...changes },
      updateMask: { paths },
    });
    return (await sessions.updateSession(request)).session;
  }

  it.each([
    ["the title", { title: "u" }, ["title"], { title: "u", labels: { k: "v" } }],
    ["a field to nothing", {}, ["title", "labels"], { title: "", labels: {} }],
    ["the mode to the default", {}, ["approval_mode"], { approvalMode: ApprovalMode.ASK }],
    [
      "what is set",
      { approvalMode: ApprovalMode.READ_ONLY },
      [],
      { title: "t", approvalMode: ApprovalMode.READ_ONLY },
    ],
  ])("changes %s", async (_name, changes, paths, expected) => {
    expect(await update(changes, paths)).toMatchObject(expected);
  });

  it("clears a time", async () => {
    expect((await update({}, ["expires_at"]))?.expiresAt).toBeUndefined();
  });

  it.each([
    ["the usage", { usage: { inputTokens: 1 } }, ["usage"]],
    ["the position", { lastSeq: 9 }, ["last_seq"]],
    ["what is not there", {}, ["none"]],
  ])("does not change %s", async (_name, changes, paths) => {
    await expect(update(changes, paths)).rejects.toMatchObject({ reason: "invalid" });
  });

  it.each(bad)("refuses %s", async (_name, changes, reason) => {
    await expect(update(changes, [])).rejects.toMatchObject({ reason });
  });
});

describe("listMessages", () => {
  it("goes on where the page before ended", async () => {
    const { room, sessions } = await openServices();
    const sessionId = await room.session();
    for (const text of ["a", "b"]) await room.finished(await room.start(sessionId, text));
    const list = (pageSize: number, pageToken = "") =>
      sessions.listMessages(create(ListMessagesRequestSchema, { sessionId, pageSize, pageToken }));
    const first = await list(3);
    const second = await list(3, first.nextPageToken);
    expect([...first.messages, ...second.messages].map(({ index }) => index)).toEqual([1, 2, 3, 4]);
    expect(second.nextPageToken).toBe("");
    expect((await list(4)).nextPageToken).toBe("");
    const made = (text: string) => Buffer.from(text).toString("base64url");
    const foreign = ["messages:01", "messages:-1", "messages:1e9", "messages:99999999999", "sessions:1"];
    const padded = `${first.nextPageToken}=`;
    for (const token of [
      "x",
      "0",
      "01",
      "3",
      padded,
      "messages:NaN",
      made("messages:NaN"),
      ...foreign.map(made),
    ])
      await expect(list(3, token)).rejects.toMatchObject({ reason: "invalid" });
  });

  it("knows a session without messages from none", async () => {
    const { room, sessions } = await openServices();
    const sessionId = await room.session();
    expect((await sessions.listMessages(create(ListMessagesRequestSchema, { sessionId }))).messages).toEqual(
      [],
    );
    const request = create(ListMessagesRequestSchema, { sessionId: "none" });
    await expect(sessions.listMessages(request)).rejects.toMatchObject({ reason: "not_found" });
  });
});

it("deletes a session once", async () => {
  const { room, sessions } = await openServices();
  const request = { sessionId: await room.session() } as never;
  expect(await sessions.deleteSession(request)).toEqual({});
  for (const method of ["deleteSession", "getSession"] as const)
    await expect(sessions[method](request)).rejects.toMatchObject({ reason: "not_found" });
});
