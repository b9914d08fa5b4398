import type { HttpResponse } from "./http-exchange.js";
import { isGone } from "./http-exchange.js";

/** At most this much is held for a reader that is slow, and one message. */
const chunkBytes = 32 * 1024;
/** Longer text is encoded here: a string on its way to a socket takes three bytes for each of its letters. */
const longText = 4096;
const itemsPerTurn = 1024;

/** How a chunk writer is set up. */
export interface ChunkWriterOptions {
  readonly response: HttpResponse;
  /** More may be added. Called only after `add` or `flush` has answered false. */
  readonly onReady: () => void;
  /** Nothing could be written for `stallMs`. */
  readonly onStall: () => void;
  readonly stallMs: number;
}

/**
 * Gathers what is produced in one turn of the event loop into one write, and stops its producer while the
 * socket is full. A producer that never waits gets a new turn after each chunk, so it cannot starve others.
 */
export class ChunkWriter {
  private text = "";
  private bytes: Uint8Array[] = [];
  private byteLength = 0;
  private items = 0;
  private scheduled: NodeJS.Immediate | undefined;
  private stall: NodeJS.Timeout | undefined;
  private paused = false;
  private closed = false;

  constructor(private readonly options: ChunkWriterOptions) {
    options.response.on("drain", this.onDrain);
  }

  /** Whether the socket is full. */
  get full(): boolean {
    return this.stall !== undefined;
  }

  /** Takes a piece, and answers whether another one may follow at once. */
  add(piece: string | Uint8Array): boolean {
    if (typeof piece === "string") this.text += piece;
    else {
      if (this.text !== "") this.push(Buffer.from(this.text));
      this.text = "";
      this.push(piece);
    }
    this.items++;
    this.scheduled ??= setImmediate(this.onTurn);
    const enough = this.text.length + this.byteLength >= chunkBytes || this.items >= itemsPerTurn;
    this.paused = enough || this.full;
    return !this.paused;
  }

  /** Writes what is left. Call it before the response ends. */
  flush(): void {
    clearImmediate(this.scheduled);
    this.scheduled = undefined;
    this.items = 0;
    const { response } = this.options;
    const chunks = this.take();
    if (this.closed || chunks.length === 0 || isGone(response)) return;
    let open = true;
    for (const chunk of chunks) open = response.write(chunk);
    if (open) return;
    this.stall ??= setTimeout(this.options.onStall, this.options.stallMs);
  }

  /** Drops what is left and stops calling back. */
  close(): void {
    this.closed = true;
    clearImmediate(this.scheduled);
    clearTimeout(this.stall);
    this.options.response.off("drain", this.onDrain);
    this.text = "";
    this.bytes = [];
  }

  private push(bytes: Uint8Array): void {
    this.bytes.push(bytes);
    this.byteLength += bytes.length;
  }

  private take(): (string | Uint8Array)[] {
    const { text, bytes } = this;
    this.text = "";
    this.bytes = [];
    this.byteLength = 0;
    if (text === "") return joinSmall(bytes);
    if (bytes.length === 0) return [text.length > longText ? Buffer.from(text) : text];
    return joinSmall([...bytes, Buffer.from(text)]);
  }

  private readonly onTurn = (): void => {
    this.scheduled = undefined;
    // Until the socket has drained, only what is gathered is held.
    if (!this.full) this.flush();
    if (this.paused && !this.full) this.resume();
  };

  private readonly onDrain = (): void => {
    clearTimeout(this.stall);
    this.stall = undefined;
    this.flush();
    if (this.paused && !this.full) this.resume();
  };

  private resume(): void {
    this.paused = false;
    this.options.onReady();
  }
}

/** Joins what is small: a piece that is not may be shared with other readers, and is not copied. */
function joinSmall(pieces: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const close = (): void => {
    if (small.length > 0) joined.push(Buffer.concat(small));
    small = [];
  };
  for (const piece of pieces) {
    if (piece.length < longText) small.push(piece);
    else {
      close();
      joined.push(piece);
    }
  }
  close();
  return joined;
}
