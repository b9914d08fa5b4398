/**
 * Makes a text that arrives in pieces well-formed Unicode without changing it: a pair of surrogates that
 * is split between two pieces is kept together, and one that stands alone becomes U+FFFD.
 */
export class TextPieces {
  #high = "";

  /** The next piece; empty when it was half a character. */
  push(piece: string): string {
    let text = this.#high + piece;
    this.#high = "";
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#high = text.slice(-1);
      text = text.slice(0, -1);
    }
    return text.toWellFormed();
  }

  /** What is left when no more will come. */
  end(): string {
    const rest = this.#high.toWellFormed();
    this.#high = "";
    return rest;
  }
}
