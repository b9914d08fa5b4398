import { PassThrough } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { askLine } from "../../src/cli/ask-line.js";

/** A question at a terminal, and the keys that are pressed there. */
function openQuestion(signal = new AbortController().signal) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let shown = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  const answer = askLine({ question: "run it? ", input, output, terminal: true }, signal);
  return { answer, press: (keys: string) => input.write(keys), shown: () => shown };
}

describe("a line that is asked for at a terminal", () => {
  it.each([
    { name: "what is typed", keys: "yes\r", line: "yes" },
    { name: "nothing, where only return is pressed", keys: "\r", line: "" },
    { name: "nothing, where the input ends", keys: "\u0004", line: "" },
  ])("is $name", async ({ keys, line }) => {
    const { answer, press, shown } = openQuestion();
    press(keys);
    expect(await answer).toBe(line);
    await expect.poll(shown).toMatch(/\n$/);
    expect(shown().match(/\n/g)).toHaveLength(1);
  });

  it("lets Ctrl-C interrupt the program, and is taken back as ever", async () => {
    const interrupted = Promise.withResolvers<void>();
    process.once("SIGINT", interrupted.resolve);
    onTestFinished(() => void process.off("SIGINT", interrupted.resolve));
    const controller = new AbortController();
    const { answer, press } = openQuestion(controller.signal);
    press("\u0003");
    await interrupted.promise;
    controller.abort();
    await expect(answer).rejects.toMatchObject({ name: "AbortError" });
  });
});
