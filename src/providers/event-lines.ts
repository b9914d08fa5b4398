/** Most characters of one line, and of the data of one event. */
export const longestLine = 8 * 1024 * 1024;

/**
 * Takes server-sent events out of a text that comes in pieces: the data of each event, its `data` lines
 * joined (WHATWG HTML, 9.2.6). Names and ids of events are skipped, since no model API needs them. Lines
 * end in LF, CR LF or CR; a byte order mark at the start is skipped.
 */
export class EventLines {
  #rest = "";
  #data: string | undefined;
  #started = false;

  /** The events that the piece completes. Throws a RangeError at a line over the limit. */
  push(piece: string): string[] {
    let text = piece;
    if (!this.#started && text !== "") {
      this.#started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    // Searching a line anew with each of its pieces would take quadratic time.
    if (!text.includes("\n") && !text.includes("\r") && !this.#rest.endsWith("\r")) {
      this.#rest += text;
      if (this.#rest.length > longestLine) throw new RangeError("line too long");
      return [];
    }
    text = this.#rest + text;
    const events: string[] = [];
    this.#rest = text.slice(text.includes("\r") ? this.#mixed(text, events) : this.#plain(text, events));
    if (this.#rest.length > longestLine) throw new RangeError("line too long");
    return events;
  }

  /** The data of an event that was not completed by an empty line before the end; undefined for none. */
  end(): string | undefined {
    if (this.#rest) this.#line(this.#rest.replace(/\r$/, ""), []);
    this.#rest = "";
    const data = this.#data;
    this.#data = undefined;
    return data;
  }

  #plain(text: string, events: string[]): number {
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#line(text.slice(start, end), events);
      start = end + 1;
    }
    return start;
  }

  #mixed(text: string, events: string[]): number {
    let start = 0;
    for (const { 0: ending, index } of text.matchAll(/\r\n|\n|\r/g)) {
      // A CR at the end of a piece may be half of a CR LF.
      if (ending === "\r" && index + 1 === text.length) break;
      this.#line(text.slice(start, index), events);
      start = index + ending.length;
    }
    return start;
  }

  #line(line: string, events: string[]): void {
    if (line.length > longestLine) throw new RangeError("line too long");
    if (line === "") {
      if (this.#data !== undefined) events.push(this.#data);
      this.#data = undefined;
      return;
    }
    if (!line.startsWith("data")) return;
    if (line.length > 4 && line[4] !== ":") return;
    const value = line.slice(line[5] === " " ? 6 : 5);
    this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    if (this.#data.length > longestLine) throw new RangeError("event too long");
  }
}
