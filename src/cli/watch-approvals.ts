/** Looks for approvals in a stream of server-sent events. */
export interface ApprovalWatch {
  /** Takes the next piece of the stream, wherever it was cut. */
  push(text: string): void;
  /** Settles when every answer has been given; throws what one of them threw. */
  done(): Promise<void>;
}

/** Calls `answer` with the id of each approval that is asked for. */
export function watchApprovals(answer: (approvalId: string) => Promise<void>): ApprovalWatch {
  const answers: Promise<void>[] = [];
  let rest = "";
  return {
    push(text) {
      const events = (rest + text).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const [, id] = /^event: approval_requested\ndata: .*"approval":\{"id":"(\w+)"/m.exec(event) ?? [];
        if (id === undefined) continue;
        const answered = answer(id);
        // Whoever awaits `done` hears of it.
        answered.catch(() => undefined);
        answers.push(answered);
      }
    },
    async done() {
      await Promise.all(answers);
    },
  };
}
