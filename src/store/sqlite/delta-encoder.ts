import type { Event } from "../../../gen/agentry/v1/event_pb.js";

/** Longer ones are left to the general encoder. */
const longestText = 4096;
/** Their lengths fit one byte, whatever their characters are. */
const longestId = 40;
const slabBytes = 64 * 1024;
/** More than all but the text can take. */
const overhead = 512;

/**
 * Encodes the events that come by the thousand, small text deltas, in a fraction of the time that the
 * general encoder takes. The bytes are the same: those of the protobuf encoding
 * (https://protobuf.dev/programming-guides/encoding/), fields in the order of their numbers.
 */
export class DeltaEncoder {
  readonly #slab = Buffer.allocUnsafe(slabBytes);
  #at = 0;
  #sessionId = "";
  #runId = "";
  /** The encoded ids of the last event: those of its neighbours are the same. */
  #ids = Buffer.alloc(0);

  /**
   * The encoded event, valid until `rewind`; undefined for an event that is none of those, or where there is no
   * room for it.
   */
  encode(event: Event): Uint8Array | undefined {
    const { body, time } = event;
    if (body.case !== "textDelta" && body.case !== "reasoningDelta") return undefined;
    const { index, text } = body.value;
    if (!time || event.$unknown || body.value.$unknown || text.length > longestText) return undefined;
    if (event.sessionId.length > longestId || event.runId.length > longestId) return undefined;
    if (this.#at + 3 * text.length + overhead > slabBytes) return undefined;
    const start = this.#at;
    this.#tagged(0x08, event.seq);
    this.#writeIds(event.sessionId, event.runId);
    this.#writeTime(Number(time.seconds), time.nanos);
    this.#writeDelta(body.case === "textDelta" ? 0x7a : 0x92, index, text);
    return this.#slab.subarray(start, this.#at);
  }

  /** Gives the room of everything encoded so far to what comes. */
  rewind(): void {
    this.#at = 0;
  }

  #writeIds(sessionId: string, runId: string): void {
    if (sessionId !== this.#sessionId || runId !== this.#runId) {
      this.#sessionId = sessionId;
      this.#runId = runId;
      this.#ids = Buffer.concat([stringField(0x12, sessionId), stringField(0x1a, runId)]);
    }
    this.#slab.set(this.#ids, this.#at);
    this.#at += this.#ids.length;
  }

  #writeTime(seconds: number, nanos: number): void {
    this.#slab[this.#at] = 0x22;
    const length = this.#at + 1;
    this.#at += 2;
    this.#tagged(0x08, seconds);
    this.#tagged(0x10, nanos);
    this.#slab[length] = this.#at - length - 1;
  }

  /** A message of an index and a text. Field 15 has a tag of one byte, field 18 one of two. */
  #writeDelta(tag: 0x7a | 0x92, index: number, text: string): void {
    this.#slab[this.#at++] = tag;
    if (tag === 0x92) this.#slab[this.#at++] = 0x01;
    const bytes = Buffer.byteLength(text);
    const indexBytes = index === 0 ? 0 : 1 + varintBytes(index);
    const textBytes = bytes === 0 ? 0 : 1 + varintBytes(bytes) + bytes;
    this.#varint(indexBytes + textBytes);
    this.#tagged(0x08, index);
    if (bytes === 0) return;
    this.#tagged(0x12, bytes);
    this.#at += this.#slab.write(text, this.#at, bytes, "utf8");
  }

  /** A number after its tag; nothing for 0, as proto3 has it. */
  #tagged(tag: number, value: number): void {
    if (value === 0) return;
    this.#slab[this.#at++] = tag;
    this.#varint(value);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#slab[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#slab[this.#at++] = rest;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}

/** A string of less than 128 bytes after its tag; nothing for an empty one. */
function stringField(tag: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length === 0) return bytes;
  return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
}
