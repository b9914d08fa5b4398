import { createHash } from "node:crypto";
import type { Blob } from "../../gen/agentry/v1/message_pb.js";

/** A tool's name as every provider takes it back, whatever a model once called. */
export function safeToolName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64) || "unknown";
}

/** A tool call id as providers take it (`^[a-zA-Z0-9_-]{1,64}$`): distinct ids stay distinct, equal ones equal. */
export function safeToolCallId(id: string): string {
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(id)) return id;
  return `${id.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 40)}_${digest(id, 16)}`;
}

/** A tool call id of nine letters and digits. */
export function shortToolCallId(id: string): string {
  return /^[a-zA-Z0-9]{9}$/.test(id) ? id : digest(id, 9);
}

function digest(text: string, length: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, length);
}

/** How a blob can be shown to a model. */
export type Shown =
  | { readonly kind: "image"; readonly mediaType: ImageType; readonly base64: string }
  | { readonly kind: "pdf"; readonly name: string; readonly base64: string }
  | { readonly kind: "text"; readonly text: string };

type ImageType = "image/jpeg" | "image/png" | "image/gif" | "image/webp";

const imageTypes = new Map<string, ImageType>([
  ["image/jpeg", "image/jpeg"],
  ["image/jpg", "image/jpeg"],
  ["image/png", "image/png"],
  ["image/gif", "image/gif"],
  ["image/webp", "image/webp"],
]);

/** Images and PDF documents as such, text files as text; of others the model is told that they exist. */
export function showBlob(blob: Blob): Shown {
  const type = (blob.mediaType.split(";")[0] ?? "").trim().toLowerCase();
  const name = blob.name || "file";
  const image = imageTypes.get(type);
  if (image) return { kind: "image", mediaType: image, base64: toBase64(blob.data) };
  if (type === "application/pdf") return { kind: "pdf", name, base64: toBase64(blob.data) };
  if (
    type.startsWith("text/") ||
    /^application\/(?:json|xml|yaml|toml|javascript)$|\+(?:json|xml)$/.test(type)
  ) {
    return { kind: "text", text: `${name}:\n${Buffer.from(blob.data).toString("utf8")}` };
  }
  return {
    kind: "text",
    text: `[${name}: ${blob.data.length} bytes of ${type || "unknown type"}, not shown]`,
  };
}

function toBase64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}
