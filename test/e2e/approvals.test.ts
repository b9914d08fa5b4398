import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, it, onTestFinished } from "vitest";
import { ApprovalState, Verdict } from "../../gen/agentry/v1/event_pb.js";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { anthropicAnswer } from "../support/fake-upstream.js";
import { whyNoSandbox } from "../tools/sandbox/bwrap-place.js";
import type { Place } from "./place.js";
import { openPlace, script } from "./place.js";

const toolCall = (name: string, input: object) => ({ body: anthropicAnswer([{ id: "", name, input }]) });
const touch = (file: string) => toolCall("bash", { command: `touch ${file}` });

interface Approval {
  readonly id: string;
  readonly state: string;
  readonly summary: string;
  readonly arguments_sha256: string;
}

/** A run in a working directory of its own, and what becomes of its approvals. */
async function openScene(...steps: ReturnType<typeof toolCall>[]) {
  return openSceneWith([], ...steps);
}

async function openSceneWith(options: readonly string[], ...steps: ReturnType<typeof toolCall>[]) {
  const workDir = mkdtempSync(join(tmpdir(), "agentry-approvals-"));
  onTestFinished(() => rmSync(workDir, { recursive: true, force: true }));
  const place = await openPlace({
    tools: ["bash", "edit", "write"],
    args: ["--log-level", "error", ...options],
  });
  place.upstream.answer(script(...steps));
  const session = await place.session({ work_dir: workDir });
  const begin = async (): Promise<string> => (await place.start(session, "go")).body.id;
  const list = async (query = ""): Promise<Approval[]> =>
    (await place.call("GET", `/v1/sessions/${session}/approvals${query}`)).body.approvals ?? [];
  /** The only approval that waits, once it is there and is none of these. */
  const waiting = async (...others: Approval[]): Promise<Approval> => {
    const known = others.map(({ id }) => id);
    const find = async () => (await list()).find(({ id }) => !known.includes(id));
    await expect.poll(find, { timeout: 10_000 }).toBeDefined();
    return (await find())!;
  };
  const resolve = ({ id }: Approval, verdict: "APPROVE" | "DENY", more: object = {}) =>
    place.call("POST", `/v1/approvals/${id}:resolve`, { verdict: `VERDICT_${verdict}`, ...more });
  return { place, workDir, session, begin, list, waiting, resolve };
}

type Answer = (id: string, approve: boolean) => Promise<string>;

/** One way to answer for each protocol and encoding: with the state that it is told, or `conflict`. */
function waysToAnswer(place: Place): Record<string, Answer> {
  const { url } = place.server;
  const overRest: Answer = async (id, approve) => {
    const verdict = approve ? "VERDICT_APPROVE" : "VERDICT_DENY";
    const { status, body } = await place.call("POST", `/v1/approvals/${id}:resolve`, { verdict });
    return status === 409 ? "conflict" : body.state;
  };
  const [h1, h2] = [
    { baseUrl: url, httpVersion: "1.1" },
    { baseUrl: url, httpVersion: "2" },
  ] as const;
  const transports = {
    "Connect with JSON": createConnectTransport({ ...h1, useBinaryFormat: false }),
    "Connect with binary": createConnectTransport({ ...h2, useBinaryFormat: true }),
    gRPC: createGrpcTransport({ baseUrl: url }),
    "gRPC-Web": createGrpcWebTransport(h1),
  };
  const overRpc = Object.entries(transports).map(([name, transport]): [string, Answer] => {
    const runs = createClient(RunService, transport);
    const answer: Answer = async (approvalId, approve) => {
      try {
        const verdict = approve ? Verdict.APPROVE : Verdict.DENY;
        const { approval } = await runs.resolveApproval({ approvalId, verdict });
        return `APPROVAL_STATE_${ApprovalState[approval?.state ?? 0]}`;
      } catch (error) {
        const { code, message } = ConnectError.from(error);
        return code === Code.Aborted && /already/.test(message) ? "conflict" : message;
      }
    };
    return [name, answer];
  });
  return { REST: overRest, ...Object.fromEntries(overRpc) };
}

describe("an approval", () => {
  it("that fifty clients answer at once, over five protocols, has one verdict, which all see", async () => {
    const { place, workDir, begin, waiting, list } = await openScene(touch("made"));
    const run = await begin();
    const { id } = await waiting();
    const ways = Object.values(waysToAnswer(place));
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const approve = i % 2 === 0;
        return { approve, said: await ways[Math.floor(i / 2) % ways.length]!(id, approve) };
      }),
    );
    const won = answers.find(({ said }) => said !== "conflict")!.approve;
    const state = won ? "APPROVAL_STATE_APPROVED" : "APPROVAL_STATE_DENIED";
    for (const { approve, said } of answers) expect(said).toBe(approve === won ? state : "conflict");
    await place.finished(run);
    expect(readdirSync(workDir)).toEqual(won ? ["made"] : []);
    for (const way of ways) {
      expect(await way(id, won)).toBe(state);
      expect(await way(id, !won)).toBe("conflict");
    }
    expect((await list(`?state=${state}`)).map((approval) => approval.id)).toEqual([id]);
    const names = (await place.history((await place.getRun(run)).session_id)).map(({ name }) => name);
    expect(names.filter((name) => name === "approval_resolved")).toHaveLength(1);
  });

  it("is not given by the verdict on an earlier one, nor with its hash", async () => {
    const { place, workDir, begin, waiting, resolve } = await openScene(touch("first"), touch("second"));
    const run = await begin();
    const first = await waiting();
    expect((await resolve(first, "APPROVE", { arguments_sha256: first.arguments_sha256 })).status).toBe(200);
    const second = await waiting(first);
    expect((await resolve(first, "APPROVE")).body).toMatchObject({ state: "APPROVAL_STATE_APPROVED" });
    expect((await resolve(first, "DENY")).status).toBe(409);
    const foreign = await resolve(second, "APPROVE", { arguments_sha256: first.arguments_sha256 });
    expect(foreign.status).toBe(409);
    expect((await waiting(first)).id).toBe(second.id);
    expect(readdirSync(workDir)).toEqual(["first"]);
    expect((await resolve(second, "DENY", { arguments_sha256: second.arguments_sha256 })).status).toBe(200);
    await place.finished(run);
    expect(readdirSync(workDir)).toEqual(["first"]);
  });

  it("that waits when the server is killed is never given", async () => {
    const { place, workDir, begin, waiting, list, resolve } = await openScene(touch("made"));
    const run = await begin();
    const approval = await waiting();
    await place.server.kill();
    await place.restart();
    expect(await place.finished(run)).toMatchObject({ outcome: "RUN_OUTCOME_INTERRUPTED" });
    expect(await list()).toEqual([]);
    const [closed] = await list("?state=APPROVAL_STATE_CANCELED");
    expect(closed?.id).toBe(approval.id);
    for (const verdict of ["APPROVE", "DENY"] as const) {
      expect((await resolve(approval, verdict)).status).toBe(409);
    }
    expect(readdirSync(workDir)).toEqual([]);
  });

  it("of a command line says what it covers", async () => {
    const { begin, waiting } = await openScene(touch("made"));
    await begin();
    const { summary } = await waiting();
    expect(summary).toMatch(/^touch made\n\n\[Covers this command line, and not what files/);
  });
});

describe.skipIf(whyNoSandbox)("the approval of a change", () => {
  const edit = { path: "x", old_string: "two", new_string: "2" };

  it.each([
    { name: "edit", input: edit, second: " three\n-two\n+2", made: "three\n2\n" },
    { name: "write", input: { path: "x", content: "2\n" }, second: "-three\n-two\n+2", made: "2\n" },
  ])("by $name is asked anew when the file has changed by then", async ({ name, input, second, made }) => {
    const { place, workDir, begin, waiting, resolve } = await openScene(toolCall(name, input));
    const file = join(workDir, "x");
    writeFileSync(file, "one\ntwo\n");
    const run = await begin();
    const first = await waiting();
    expect(first.summary).toContain("-two\n+2");
    writeFileSync(file, "three\ntwo\n");
    expect((await resolve(first, "APPROVE")).status).toBe(200);
    const again = await waiting(first);
    expect(again.summary).toContain(second);
    expect(again.arguments_sha256).toBe(first.arguments_sha256);
    expect(readFileSync(file, "utf8")).toBe("three\ntwo\n");
    expect((await resolve(again, "APPROVE")).status).toBe(200);
    await place.finished(run);
    expect(readFileSync(file, "utf8")).toBe(made);
  });

  it("is made where nothing has changed", async () => {
    const { place, workDir, begin, waiting, resolve } = await openScene(toolCall("edit", edit));
    writeFileSync(join(workDir, "x"), "two\n");
    const run = await begin();
    await resolve(await waiting(), "APPROVE");
    await place.finished(run);
    expect(readFileSync(join(workDir, "x"), "utf8")).toBe("2\n");
  });
});

it("counts as denied after the time that the server was started with", async () => {
  const { place, workDir, begin, list } = await openSceneWith(["--approval-expiry", "1"], touch("x"));
  await place.finished(await begin());
  const [approval] = await list("?state=APPROVAL_STATE_EXPIRED");
  expect(approval).toMatchObject({ state: "APPROVAL_STATE_EXPIRED" });
  expect(readdirSync(workDir)).toEqual([]);
});
