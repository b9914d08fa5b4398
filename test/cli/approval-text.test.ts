import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ApprovalSchema } from "../../gen/agentry/v1/event_pb.js";
import { approvalText } from "../../src/cli/approval-text.js";

const text = (summary: string, agentName?: string): string =>
  approvalText(create(ApprovalSchema, { toolCall: { name: "bash" }, summary }), agentName);

it.each([
  { name: "one line", summary: "ls", shown: "? bash\n  | ls\n" },
  {
    name: "what follows a comment, on a line of its own",
    summary: "# look around\nrm -rf .\n",
    shown: "? bash\n  | # look around\n  | rm -rf .\n",
  },
  { name: "blanks as they are", summary: "a  b\n\n\tc", shown: "? bash\n  | a  b\n  | \n  | \tc\n" },
  { name: "controls as pictures", summary: "a\u001b[2K\rb", shown: "? bash\n  | a␛[2K␍b\n" },
  {
    name: "no line that looks like a question",
    summary: "x\n? bash: ls - run it? [y/N]",
    shown: "? bash\n  | x\n  | ? bash: ls - run it? [y/N]\n",
  },
])("shows $name", ({ summary, shown }) => {
  expect(text(summary)).toBe(shown);
});

it("shows the end of a summary, however long it is", () => {
  expect(text(`echo ${"x".repeat(100_000)}; rm -rf .`)).toMatch(/x; rm -rf \.\n$/);
});

it("names the agent of a child session on the first line", () => {
  expect(text("ls", "Re\nviewer")).toBe("? [Re viewer] bash\n  | ls\n");
});
