import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FleetResult, StreamFleetResponseSchema } from "../../../gen/wingman/v1/fleets_pb.js";
import { Fault } from "../../core/fault.js";

type Item = MessageInitShape<typeof StreamFleetResponseSchema>;

/** Streams the results of a run as they come, then `done`. A reader that leaves does not stop the run. */
export async function* streamResults(
  begin: (onResult: (result: FleetResult) => void) => Promise<unknown>,
): AsyncGenerator<Item> {
  const ready: FleetResult[] = [];
  let wake = Promise.withResolvers<void>();
  let over = false;
  let failure: Fault | undefined;
  const end = (error?: unknown): void => {
    over = true;
    if (error !== undefined) failure = Fault.from(error);
    wake.resolve();
  };
  begin((result) => {
    ready.push(result);
    wake.resolve();
  }).then(() => end(), end);
  for (;;) {
    const result = ready.shift();
    if (result) {
      yield { event: { case: "result", value: result } };
    } else if (failure) {
      throw failure;
    } else if (over) {
      yield { event: { case: "done", value: {} } };
      return;
    } else {
      await wake.promise;
      wake = Promise.withResolvers();
    }
  }
}
