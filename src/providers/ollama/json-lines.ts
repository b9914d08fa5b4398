import { longestLine } from "../event-lines.js";

/**
 * Takes lines of JSON (NDJSON) out of a text that comes in pieces. Lines end in LF or CR LF; blank ones and a
 * byte order mark at the start are skipped.
 */
export class JsonLines {
  #rest = "";
  #started = false;

  /** The lines that the piece completes. Throws a RangeError at a line over the limit of `longestLine`. */
  push(piece: string): string[] {
    let text = piece;
    if (!this.#started && text !== "") {
      this.#started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      // What came before is joined once: searching it anew with each piece would take quadratic time.
      this.#add(text.slice(start, end));
      if (this.#rest.trim() !== "") lines.push(this.#rest);
      this.#rest = "";
      start = end + 1;
    }
    this.#add(text.slice(start));
    return lines;
  }

  /** The line that was not completed before the end; undefined for none. */
  end(): string | undefined {
    const rest = this.#rest;
    this.#rest = "";
    return rest.trim() === "" ? undefined : rest;
  }

  #add(text: string): void {
    this.#rest += text;
    if (this.#rest.length > longestLine) throw new RangeError("line too long");
  }
}
