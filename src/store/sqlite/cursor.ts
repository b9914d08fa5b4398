import { invalid } from "../../core/fault.js";
import type { Page, Paged } from "../../core/store.js";

/** A row of a list with the key that it is ordered by. */
export interface KeyedRow {
  readonly key: number;
}

/** Above every key: where a list that goes from the newest to the oldest begins. */
const beforeFirst = Number.MAX_SAFE_INTEGER;

/** The key after which a page begins, newest first. Throws `invalid` for a cursor that is not of this list. */
function readCursor(list: string, cursor: string | undefined): number {
  if (cursor === undefined) return beforeFirst;
  const [, key] = /^(\d{1,15})$/.exec(decode(list, cursor)) ?? [];
  if (key === undefined || writeCursor(list, Number(key)) !== cursor) {
    throw invalid("the page token is not one of this list");
  }
  return Number(key);
}

/** An opaque cursor for the page after the row with this key. */
function writeCursor(list: string, key: number): string {
  return Buffer.from(`${list}:${key}`).toString("base64url");
}

/**
 * Reads one page, newest first. `read` returns up to so many rows with keys below the given one, in
 * descending order; `list` names the list, so that its cursors are refused elsewhere.
 */
export function readPage<R extends KeyedRow, T>(
  list: string,
  page: Page,
  read: (below: number, limit: number) => R[],
  toItem: (row: R) => T,
): Paged<T> {
  const limit = Math.max(1, toLimit(page.limit));
  const rows = read(readCursor(list, page.cursor), limit + 1);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(toItem);
  return rows.length > limit && last ? { items, cursor: writeCursor(list, last.key) } : { items };
}

function decode(list: string, cursor: string): string {
  if (cursor.length > 200) return "";
  const text = Buffer.from(cursor, "base64url").toString();
  return text.startsWith(`${list}:`) ? text.slice(list.length + 1) : "";
}

/** A limit as SQLite takes it, where a negative one would mean none. */
export function toLimit(limit: number): number {
  return Math.max(0, Math.trunc(limit));
}
