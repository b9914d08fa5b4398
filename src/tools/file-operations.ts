import type { EditRequest } from "./edit-file.js";
import { editFile } from "./edit-file.js";
import type { ReadRequest } from "./read-file.js";
import { readFile } from "./read-file.js";
import type { WriteRequest } from "./write-file.js";
import { writeFile } from "./write-file.js";

/** What a file tool does with the working directory. */
export type FileOperation =
  | { readonly operation: "read"; readonly request: ReadRequest }
  | { readonly operation: "write"; readonly request: WriteRequest }
  | { readonly operation: "edit"; readonly request: EditRequest };

/** What came of it, as JSON can say it. */
export interface FileAnswer {
  readonly text: string;
  /** `text` is not all there is. */
  readonly truncated?: boolean;
  /** An image that was read, its data in base64. */
  readonly image?: { readonly mediaType: string; readonly data: string; readonly name: string };
}

/** Does it in this process. Throws a `ToolFailure` for what the model can be told. */
export function doFileOperation(
  workDir: string,
  { operation, request }: FileOperation,
  signal: AbortSignal,
): Promise<FileAnswer> {
  switch (operation) {
    case "read":
      return readFile(workDir, request, signal);
    case "write":
      return writeFile(workDir, request);
    case "edit":
      return editFile(workDir, request, signal);
    default:
      return operation satisfies never;
  }
}
