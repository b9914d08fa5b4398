import { create } from "@bufbuild/protobuf";
import type { Blob } from "../../../gen/agentry/v1/message_pb.js";
import { BlobSchema } from "../../../gen/agentry/v1/message_pb.js";
import type { Redactor } from "../../core/secrets.js";
import type { ToolOutput } from "../../core/tool.js";
import { imageType } from "../image-type.js";
import { createOutputBuffer } from "../output-buffer.js";
import { isRecord } from "./plain-json.js";

/** UTF-16 units of a result. */
const outputLimit = 30_000;
/** Bytes of all images of a result. */
const imageLimit = 5 * 1024 * 1024;
const mostImages = 8;
/** Items of a result that are looked at: each shows a line, so the rest would not be seen. */
const mostItems = outputLimit + 1;

/**
 * The result of a tool call as the model is shown it: texts, images, and of everything else what it is. What a
 * server links to is named and never opened. No known secret is in it.
 */
export function readResult(result: Record<string, unknown>, redactor: Redactor): ToolOutput {
  const content: unknown[] = Array.isArray(result.content) ? result.content.slice(0, mostItems) : [];
  const images = new Images();
  const texts = content.map((item) => (isRecord(item) ? showItem(item, images) : "[something unknown]"));
  if (texts.length === 0 && isRecord(result.structuredContent))
    texts.push(JSON.stringify(result.structuredContent));
  const output = createOutputBuffer(outputLimit);
  // Before it is cut, which could leave a part of a secret.
  output.append(redactor.redact(texts.join("\n").replaceAll("\0", "\ufffd")));
  return {
    text: output.text() || "(no output)",
    failed: result.isError === true,
    ...(output.truncated && { truncated: true }),
    ...(images.blobs.length > 0 && { blobs: images.blobs }),
  };
}

class Images {
  readonly blobs: Blob[] = [];
  #left = imageLimit;

  /** Undefined for what is no image that a model can be shown, or is too much. */
  add(base64: unknown): Blob | undefined {
    if (typeof base64 !== "string" || base64.length > this.#left * 2 || this.blobs.length === mostImages)
      return undefined;
    const data = Buffer.from(base64, "base64");
    const mediaType = imageType(data);
    if (mediaType === undefined || data.length > this.#left) return undefined;
    this.#left -= data.length;
    const blob = create(BlobSchema, { mediaType, data });
    this.blobs.push(blob);
    return blob;
  }
}

function showItem(item: Record<string, unknown>, images: Images): string {
  switch (item.type) {
    case "text":
      return textOf(item.text);
    case "image": {
      const blob = images.add(item.data);
      return blob ? `[image: ${blob.mediaType}, ${blob.data.length} bytes]` : unseen("image", item);
    }
    case "audio":
      return unseen("audio", item);
    case "resource_link":
      return `[link: ${textOf(item.name)} ${textOf(item.uri)}] ${textOf(item.description)}`.trimEnd();
    case "resource":
      return isRecord(item.resource) ? showResource(item.resource) : "[a resource]";
    default:
      return "[something unknown]";
  }
}

function showResource({ uri, text, blob, mimeType }: Record<string, unknown>): string {
  if (typeof text === "string") return `[resource: ${textOf(uri)}]\n${text}`;
  return unseen(`resource: ${textOf(uri)}`, { data: blob, mimeType });
}

function unseen(what: string, { mimeType, data }: Record<string, unknown>): string {
  const size = typeof data === "string" ? Math.floor((data.length * 3) / 4) : 0;
  return `[${what}: ${textOf(mimeType)}, ${size} bytes, not shown]`;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
