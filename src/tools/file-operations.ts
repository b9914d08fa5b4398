import type { EditRequest } from "./edit-file.js";
import { editFile } from "./edit-file.js";
import type { LocateRequest } from "./locate-file.js";
import { locateFile } from "./locate-file.js";
import { previewChange } from "./preview-change.js";
import type { ReadRequest } from "./read-file.js";
import { readFile } from "./read-file.js";
import type { WriteRequest } from "./write-file.js";
import { writeFile } from "./write-file.js";

/** How a file tool changes a file. */
export type ChangeOperation =
  | { readonly operation: "write"; readonly request: WriteRequest }
  | { readonly operation: "edit"; readonly request: EditRequest };

/** What a file tool does with the working directory. */
export type FileOperation =
  | { readonly operation: "read"; readonly request: ReadRequest }
  | { readonly operation: "locate"; readonly request: LocateRequest }
  | { readonly operation: "preview"; readonly request: ChangeOperation }
  | ChangeOperation;

/** What came of it, as JSON can say it. */
export interface FileAnswer {
  readonly text: string;
  /** `text` is not all there is. */
  readonly truncated?: boolean;
  /** Of a change that was approved: the file has changed since, and nothing was written. */
  readonly stale?: boolean;
  /** Of a preview: what it depends on. */
  readonly basis?: string;
  /** Of a preview or a search: what the path leads to, below the working directory. */
  readonly place?: string;
  /** Of a preview: the change cannot be made, and the text says why. */
  readonly fails?: boolean;
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
    case "locate":
      return locateFile(workDir, request);
    case "preview":
      return previewChange(workDir, request);
    case "write":
      return writeFile(workDir, request);
    case "edit":
      return editFile(workDir, request, signal);
    default:
      return operation satisfies never;
  }
}
