import type { ModelEvent } from "../core/model-provider.js";

/** What turns the items of an answer into events. */
export interface ItemReader {
  /** Reads an item. True when it was the answer's last one. */
  read(item: unknown): boolean;
  /** The events that have come of what was read, taken out. */
  take(): readonly ModelEvent[];
}

/**
 * The events of an answer whose items arrive in batches, in batches too: each costs a turn of the event loop's
 * queue, and most hold many. Events that came before an item that cannot be read are given before its error
 * is thrown. Returns whether the last item was seen.
 */
export async function* readBatches(
  batches: AsyncIterable<readonly unknown[]>,
  reader: ItemReader,
): AsyncGenerator<readonly ModelEvent[], boolean> {
  for await (const batch of batches) {
    let ended = false;
    let failure: { readonly error: unknown } | undefined;
    try {
      ended = batch.some((item) => reader.read(item));
    } catch (error) {
      failure = { error };
    }
    const events = reader.take();
    if (events.length > 0) yield events;
    if (failure) throw failure.error;
    if (ended) return true;
  }
  return false;
}
