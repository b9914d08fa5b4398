import type { HandlerContext } from "@connectrpc/connect";

/** What a service needs to know of a call, whichever protocol brought it. */
export type Call = Pick<HandlerContext, "signal" | "requestHeader">;
