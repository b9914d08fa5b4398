import type { JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

/** How a form is filled in and handed in; `content` is undefined where the person declines. */
export interface FormTurn {
  fill(): Promise<JsonObject | undefined>;
  submit(content: JsonObject | undefined): Promise<unknown>;
  /** Says why an answer was not taken, before the form is shown again. */
  tell(why: string): void;
}

/** Has a form filled in until the server takes the answer. Throws what `submit` throws, but for answers that do not fit. */
export async function submitForm({ fill, submit, tell }: FormTurn): Promise<void> {
  for (;;) {
    const content = await fill();
    try {
      await submit(content);
      return;
    } catch (error) {
      const isUnfit = error instanceof ConnectError && error.code === Code.InvalidArgument;
      if (!isUnfit || content === undefined) throw error;
      tell(error.rawMessage);
    }
  }
}
