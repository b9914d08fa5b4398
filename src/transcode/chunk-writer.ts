import type { HttpResponse } from "./http-exchange.js";
import { isGone } from "./http-exchange.js";

/** At most this much is held for a reader that is slow, and one message. */
const chunkBytes = 32 * 1024;
/** Longer text is encoded here: a string on its way to a socket takes three bytes for each of its letters. */
const longText = 4096;
const itemsPerTurn = 1024;
/** What is given to a socket in one piece, so that it can tell when a slow reader gets on. */
const sliceBytes = 256 * 1024;

/** How a chunk writer is set up. */
export interface ChunkWriterOptions {
  readonly response: HttpResponse;
  /** More may be added. Called only after `add` or `flush` has answered false. */
  readonly onReady: () => void;
  /** Not even a slice could be written for `stallMs`. */
  readonly onStall: () => void;
  readonly stallMs: number;
}

/**
 * Gathers what is produced without waiting into one write, and stops its producer while the
 * socket is full. A producer that never waits gets a new turn after each chunk, so it cannot starve others.
 */
export class ChunkWriter {
  private text = "";
  private bytes: Uint8Array[] = [];
  private byteLength = 0;
  /** What has left for the socket and finds no room there yet. */
  private rest: Uint8Array[] = [];
  private items = 0;
  private scheduled = false;
  private resuming: NodeJS.Immediate | undefined;
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
    if (!this.scheduled) {
      this.scheduled = true;
      // Runs when no promise is left to settle: when the producer waits for something outside.
      process.nextTick(this.onTick);
    }
    const enough = this.text.length + this.byteLength >= chunkBytes || this.items >= itemsPerTurn;
    this.paused = enough || this.full;
    return !this.paused;
  }

  /** Writes what is left, whether or not there is room. Call it before the response ends. */
  flush(): void {
    const { response } = this.options;
    const chunks = [...this.rest.splice(0), ...this.take()];
    if (this.closed || isGone(response)) return;
    for (const chunk of chunks) response.write(chunk);
  }

  /** Drops what is left and stops calling back. */
  close(): void {
    this.closed = true;
    clearImmediate(this.resuming);
    clearTimeout(this.stall);
    this.options.response.off("drain", this.onDrain);
    this.text = "";
    this.bytes = [];
    this.rest = [];
  }

  /** Writes what there is room for. */
  private send(): void {
    this.items = 0;
    const { response, onStall, stallMs } = this.options;
    let open = true;
    for (const chunk of this.take()) {
      // Of text there is little, and Node.js writes it together with what it puts around it.
      if (open && this.rest.length === 0 && typeof chunk === "string") open = response.write(chunk);
      else this.rest.push(...slices(chunk));
    }
    while (open && !isGone(response)) {
      const next = this.rest.shift();
      if (next === undefined) return;
      open = response.write(next);
    }
    if (!open) this.stall ??= setTimeout(onStall, stallMs);
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

  private readonly onTick = (): void => {
    this.scheduled = false;
    // Until the socket has drained, only what is gathered is held.
    if (this.closed || this.full) return;
    this.send();
    // Not at once, for others want their turn.
    if (this.paused && !this.full) this.resuming ??= setImmediate(this.onTurn);
  };

  private readonly onTurn = (): void => {
    this.resuming = undefined;
    if (this.paused && !this.full) this.resume();
  };

  private readonly onDrain = (): void => {
    clearTimeout(this.stall);
    this.stall = undefined;
    if (this.closed) return;
    this.send();
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

function slices(chunk: string | Uint8Array): Uint8Array[] {
  const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  if (bytes.length <= sliceBytes) return [bytes];
  return Array.from({ length: Math.ceil(bytes.length / sliceBytes) }, (_, index) =>
    bytes.subarray(index * sliceBytes, (index + 1) * sliceBytes),
  );
}
