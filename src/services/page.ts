import { invalid } from "../core/fault.js";
import type { Page } from "../core/store.js";

const defaultSize = 100;
const maxSize = 1000;

/** The page that a list request asks for. @throws Fault `invalid` for a size above 1000. */
export function toPage({ pageSize, pageToken }: { pageSize: number; pageToken: string }): Page {
  if (pageSize > maxSize) throw invalid(`page_size is ${pageSize}; at most ${maxSize} is allowed`);
  return { limit: pageSize || defaultSize, cursor: pageToken || undefined };
}
