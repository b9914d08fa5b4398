import type { Event } from "../../gen/agentry/v1/event_pb.js";

const maxEvents = 8192;
const pageEvents = 256;
const pageWeight = 16 * 1024;

/** The newest committed events of a session, so that readers who keep up never touch the database. */
export class EventTail {
  #events: Event[] = [];
  #weights: number[] = [];
  #weight = 0;

  constructor(
    /** About how many bytes the tail may hold, asked anew each time. */
    private readonly maxWeight: () => number,
  ) {}

  push(event: Event): void {
    const weight = weightOf(event);
    this.#events.push(event);
    this.#weights.push(weight);
    this.#weight += weight;
    // Trimmed in bulk: shifting one by one would move the whole array for every event.
    if (this.#events.length > 2 * maxEvents || this.#weight > 2 * this.maxWeight()) this.#trim();
  }

  /**
   * Events after `seq`, when the tail reaches back that far; else undefined. Not all of them where they are
   * many or large, as a reader that stands still holds on to what it was given.
   */
  after(seq: number): readonly Event[] | undefined {
    const first = this.#events[0];
    if (!first || seq + 1 < first.seq) return undefined;
    const start = seq + 1 - first.seq;
    let end = start;
    for (
      let weight = 0;
      end < this.#events.length && end - start < pageEvents && weight < pageWeight;
      end += 1
    ) {
      weight += this.#weights[end] ?? 0;
    }
    return this.#events.slice(start, end);
  }

  #trim(): void {
    const maxWeight = this.maxWeight();
    let drop = 0;
    while (
      drop < this.#events.length - 1 &&
      (this.#events.length - drop > maxEvents || this.#weight > maxWeight)
    ) {
      this.#weight -= this.#weights[drop] ?? 0;
      drop += 1;
    }
    this.#events = this.#events.slice(drop);
    this.#weights = this.#weights.slice(drop);
  }
}

/** About how many bytes an event holds in memory: exact where it can be large. */
function weightOf({ body }: Event): number {
  const base = 200;
  switch (body.case) {
    case "textDelta":
    case "reasoningDelta":
    case "textFinished":
    case "reasoningFinished":
    case "toolCallDelta":
      return base + body.value.text.length;
    case "toolInputDelta":
      return base + body.value.json.length;
    case "toolCallFinished":
      return base + (body.value.result?.output.length ?? 0) + blobBytes(body.value.result?.blobs);
    case "childEvent":
      return base + (body.value.event ? weightOf(body.value.event) : 0);
    case "messageAdded":
    case "toolInputFinished":
    case "toolCallStarted":
    case "runFinished":
    case "approvalRequested":
    case "approvalResolved":
      return base + JSON.stringify(body.value, withoutBytes).length;
    default:
      return base;
  }
}

function blobBytes(blobs: readonly { data: Uint8Array }[] | undefined): number {
  return blobs?.reduce((sum, blob) => sum + blob.data.length, 0) ?? 0;
}

function withoutBytes(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return "x".repeat(value.length);
  return typeof value === "bigint" ? Number(value) : value;
}
