import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { ApprovalState, ElicitationState } from "../../../gen/agentry/v1/event_pb.js";
import { BatchWriter } from "../../../src/store/sqlite/batch.js";
import { openConnection } from "../../../src/store/sqlite/connection.js";
import { createEventRows } from "../../../src/store/sqlite/events.js";
import { createMessageRows } from "../../../src/store/sqlite/messages.js";
import { createApprovalRows, createElicitationRows } from "../../../src/store/sqlite/questions.js";
import { createRunRows } from "../../../src/store/sqlite/runs.js";
import { createSessionRows } from "../../../src/store/sqlite/sessions.js";
import { clock, newSession, tempDir, tempStore } from "../sample.js";

/** All of this index is wanted, and the questions of several sessions come from several places in theirs. */
const wanted = ["SCAN runs USING INDEX runs_unfinished", ...Array(4).fill("USE TEMP B-TREE FOR ORDER BY")];

it("reads and writes what grows by index alone, without sorting it", async () => {
  const db = openConnection(":memory:", 0);
  const statements: string[] = [];
  const prepare = db.prepare.bind(db);
  const explain = (sql: string) =>
    prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql.replaceAll("?", "1")}`).all();
  db.prepare = ((sql: string) => {
    statements.push(sql);
    return prepare(sql);
  }) as typeof db.prepare;
  createSessionRows(db, clock);
  createMessageRows(db);
  createRunRows(db);
  createEventRows(db);
  new BatchWriter(db);
  const approvals = createApprovalRows(db);
  const elicitations = createElicitationRows(db);
  for (const { list } of [approvals, elicitations]) {
    await list({ sessionId: "session" });
    await list({ runId: "run" });
  }
  await approvals.list({ state: ApprovalState.APPROVED });
  await approvals.list({ sessionId: "session", state: ApprovalState.APPROVED });
  await elicitations.list({ sessionId: "session", state: ElicitationState.ACCEPTED });
  const plans = statements.flatMap((sql) => explain(sql).map(({ detail }) => detail));
  expect(plans.length).toBeGreaterThan(50);
  const slow = plans.filter((line) => /^SCAN (?!family|\d+-ROW VALUES)|TEMP B-TREE/.test(line));
  expect(slow).toEqual(wanted);
  for (const table of ["approvals", "elicitations"]) {
    const index = `${table}_by_session_state (session_key=? AND state=?)`;
    expect(plans).toContain(`SEARCH ${table} USING INDEX ${index}`);
  }
  db.close();
});

it("lists a page of sessions with one statement", async () => {
  const path = join(tempDir(), "test.db");
  const store = await tempStore(path);
  for (let i = 0; i < 30; i += 1) await newSession(store);
  const statements: unknown[] = [];
  const db = new Database(path, { readonly: true, verbose: (sql) => statements.push(sql) });
  const rows = createSessionRows(db, clock);
  statements.length = 0;
  expect((await rows.list({ limit: 25 })).items).toHaveLength(25);
  expect(statements).toHaveLength(1);
  db.close();
});
