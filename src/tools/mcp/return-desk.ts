import { randomBytes } from "node:crypto";

/** What a browser brought back from an authorization page: the query of the address that it was sent to. */
export type ReturnQuery = URLSearchParams;

/** A return that is waited for. */
interface AwaitedReturn {
  /** Settles with the first return that has the state, never when none comes. */
  readonly returned: Promise<ReturnQuery>;
  /** Waits no longer. */
  forget(): void;
}

/** Where browsers come back to, after their user has authorized a server. */
export interface ReturnDesk {
  /** Waits for a return with this state, until it is forgotten. */
  await(state: string): AwaitedReturn;
  /** Takes a return. False when nothing waits for its state; each state is good for once. */
  take(query: ReturnQuery): boolean;
}

/** A state for one page, of 256 random bits: whoever knows it has been on the page. */
export function newState(): string {
  return randomBytes(32).toString("base64url");
}

/** A desk that nothing waits at yet. */
export function createReturnDesk(): ReturnDesk {
  const waiting = new Map<string, (query: ReturnQuery) => void>();
  return {
    await(state) {
      const { promise, resolve } = Promise.withResolvers<ReturnQuery>();
      waiting.set(state, resolve);
      return { returned: promise, forget: () => waiting.delete(state) };
    },
    take(query) {
      const state = query.get("state") ?? "";
      const resolve = waiting.get(state);
      waiting.delete(state);
      resolve?.(query);
      return resolve !== undefined;
    },
  };
}
