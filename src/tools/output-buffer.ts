import { takeEnd, takeStart } from "./show-text.js";

/** Keeps the beginning and the end of a text of any length. */
export interface OutputBuffer {
  append(text: string): void;
  /** Characters appended so far. */
  readonly length: number;
  /** Whether `text` leaves something out. */
  readonly truncated: boolean;
  /** What was appended; of a long text the head and the tail, with a line between that says what is missing. */
  text(): string;
}

/** Room for the line that says how much was left out. */
const markerRoom = 80;

/** A buffer whose text is at most `limit` characters (UTF-16 units, at least 200), whatever is appended. */
export function createOutputBuffer(limit: number): OutputBuffer {
  const half = Math.floor((limit - markerRoom) / 2);
  let head = "";
  let tail = "";
  let length = 0;
  return {
    append(text) {
      length += text.length;
      if (head === "" && tail.length + text.length <= limit) {
        tail += text;
        return;
      }
      const joined = tail + text;
      if (head === "") head = takeStart(joined, half);
      tail = takeEnd(joined, half);
    },
    get length() {
      return length;
    },
    get truncated() {
      return length > head.length + tail.length;
    },
    text() {
      const missing = length - head.length - tail.length;
      if (missing === 0) return head + tail;
      return `${head}\n[… ${missing} characters of output left out …]\n${tail}`;
    },
  };
}
