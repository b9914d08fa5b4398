/** Letters from which a frame is kept. */
const largeText = 8 * 1024;
/** Bytes of frames that are kept. */
const keptBytes = 4 * 1024 * 1024;

/**
 * The large frames of late, encoded once for all readers that are sent the same message. A reader that stands still
 * then holds on to what the others hold as well. A message must not change once it has been sent.
 */
export class LargeFrames {
  readonly #frames = new Map<object, Uint8Array>();
  #bytes = 0;

  /** The frame of a message, which `print` makes where it is not kept. */
  of(message: object, print: () => string): string | Uint8Array {
    const kept = this.#frames.get(message);
    if (kept) return kept;
    const text = print();
    if (text.length < largeText) return text;
    const frame = Buffer.from(text);
    this.#keep(message, frame);
    return frame;
  }

  #keep(message: object, frame: Uint8Array): void {
    this.#frames.set(message, frame);
    this.#bytes += frame.length;
    for (const [oldest, { length }] of this.#frames) {
      if (this.#bytes <= keptBytes) return;
      this.#frames.delete(oldest);
      this.#bytes -= length;
    }
  }
}
