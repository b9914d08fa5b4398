import { create } from "@bufbuild/protobuf";
import { BlobSchema } from "../../gen/agentry/v1/message_pb.js";
import { defineTool } from "./define-tool.js";
import { runFileOperation } from "./run-file-operation.js";
import { showName } from "./show-text.js";

const defaultLines = 2_000;

/** Shows a text file with line numbers, or an image. */
export const readTool = defineTool({
  name: "read",
  description:
    "Read a file of the working directory. Text comes with line numbers: six columns, a tab, the line. " +
    "At most 2000 lines at a time, each cut after 2000 characters; go on with offset. PNG, JPEG, GIF and " +
    "WebP images up to 5 MiB are shown as images.",
  inputSchema: {
    type: "object",
    properties: {
      path: { type: "string", description: "The file, relative to the working directory." },
      offset: { type: "integer", minimum: 1, description: "First line to read, from 1. Default 1." },
      limit: { type: "integer", minimum: 1, description: "Number of lines to read. Default 2000." },
    },
    required: ["path"],
  },
  readOnly: true,
  sandboxed: true,
  summarize: (input) => `read ${showName(input.text("path"))}`,
  async run(input, context, signal) {
    const request = {
      path: input.text("path"),
      first: input.number("offset", 1),
      limit: input.number("limit", defaultLines),
    };
    const { text, truncated, image } = await runFileOperation(
      { operation: "read", request },
      context,
      signal,
    );
    const blobs = image
      ? [create(BlobSchema, { ...image, data: Buffer.from(image.data, "base64") })]
      : undefined;
    return { text, failed: false, ...(truncated && { truncated }), ...(blobs && { blobs }) };
  },
});
