import type { OutputStream } from "../core/tool.js";

/** Shows output while it is made, in few pieces. */
export interface OutputPieces {
  push(text: string, stream: OutputStream): void;
  /** Shows what is held back. Nothing is shown afterwards. */
  end(): void;
}

/** Time between two showings; each shows one piece of each stream, so there are at most 20 a second. */
const intervalMs = 100;
/** UTF-8 bytes shown of a call in all. */
const shownBytes = 64 * 1024;

/**
 * Passes output on to `show`: at most 20 pieces a second and 64 KiB in all, then one piece that says that
 * the rest is not shown. Between two pieces of different streams the order may change within 100 ms.
 */
export function createOutputPieces(show: (text: string, stream: OutputStream) => void): OutputPieces {
  const held: Record<OutputStream, string> = { stdout: "", stderr: "" };
  let left = shownBytes;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    timer = undefined;
    for (const stream of ["stdout", "stderr"] as const) {
      const text = held[stream];
      held[stream] = "";
      if (text === "" || left === 0) continue;
      const size = Buffer.byteLength(text);
      if (size <= left) {
        left -= size;
        show(text, stream);
        continue;
      }
      // Decoding as a part of a stream leaves out a character that is cut in two.
      const fits = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(text).subarray(0, left), {
        stream: true,
      });
      left = 0;
      if (fits !== "") show(fits, stream);
      show("\n[output truncated]\n", stream);
    }
  };

  return {
    push(text, stream) {
      // Past the limit one more byte is enough to know that there was more.
      if (left > 0 && held[stream].length <= left) held[stream] += text;
      timer ??= setTimeout(flush, intervalMs);
    },
    end() {
      clearTimeout(timer);
      flush();
      left = 0;
    },
  };
}
