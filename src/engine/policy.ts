import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import type { Tool } from "../core/tool.js";

/** What policy says of a call: it runs, somebody is asked, or it does not run, and why. */
export type Decision =
  | { readonly kind: "allow" }
  | { readonly kind: "ask" }
  | { readonly kind: "deny"; readonly why: string };

/** Decides by the session's mode: tools that only read always run. */
export function decide(mode: ApprovalMode, tool: Tool): Decision {
  if (tool.readOnly) return { kind: "allow" };
  switch (mode) {
    case ApprovalMode.AUTO:
      return { kind: "allow" };
    case ApprovalMode.READ_ONLY:
      return { kind: "deny", why: "This session is read-only." };
    case ApprovalMode.ASK:
    case ApprovalMode.UNSPECIFIED:
      return { kind: "ask" };
    default:
      return mode satisfies never;
  }
}
