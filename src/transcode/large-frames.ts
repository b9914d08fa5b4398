/** Letters from which a frame is kept. */
const largeText = 8 * 1024;
/** Bytes of frames that are kept although nobody holds them. */
const keptBytes = 4 * 1024 * 1024;

/**
 * The large frames of late, encoded once for all readers that are sent the same message. A reader that stands still
 * then holds on to what the others hold as well. A message must not change once it has been sent.
 */
export class LargeFrames {
  /** As long as somebody holds both: a reader that has not taken a frame yet holds its message, too. */
  readonly #frames = new WeakMap<object, WeakRef<Uint8Array>>();
  readonly #kept: Uint8Array[] = [];
  #bytes = 0;

  /** The frame of a message, which `print` makes where there is none. */
  of(message: object, print: () => string): string | Uint8Array {
    const known = this.#frames.get(message)?.deref();
    if (known) return known;
    const text = print();
    if (text.length < largeText) return text;
    const frame = Buffer.from(text);
    this.#frames.set(message, new WeakRef(frame));
    this.#keep(frame);
    return frame;
  }

  #keep(frame: Uint8Array): void {
    if (frame.length > keptBytes) return;
    this.#kept.push(frame);
    this.#bytes += frame.length;
    for (let oldest = this.#kept[0]; oldest && this.#bytes > keptBytes; oldest = this.#kept[0]) {
      this.#kept.shift();
      this.#bytes -= oldest.length;
    }
  }
}
