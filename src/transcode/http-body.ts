import type { DescMessage } from "@bufbuild/protobuf";
import { asFields } from "./message-field.js";

/** Bytes with a media type, as google.api.HttpBody holds them. */
export interface RawBody {
  readonly contentType: string;
  readonly data: Uint8Array;
}

const octets = "application/octet-stream";

/** Whether a message is google.api.HttpBody, which is sent and received as it is and not as JSON. */
export function isHttpBody(desc: DescMessage): boolean {
  return desc.typeName === "google.api.HttpBody";
}

/** The fields of a google.api.HttpBody for a request body. */
export function httpBodyFields(body: Buffer, contentType: string | undefined): Record<string, unknown> {
  // A copy: a small buffer is a view of a pool that others write to.
  return { contentType: contentType ?? octets, data: new Uint8Array(body) };
}

/** Reads a google.api.HttpBody. A content type that could break a header is replaced. */
export function toRawBody(value: unknown): RawBody {
  const { contentType, data } = asFields(value);
  const safe = typeof contentType === "string" && /^[\t\x20-\x7e]+$/.test(contentType);
  return {
    contentType: safe ? contentType : octets,
    data: data instanceof Uint8Array ? data : new Uint8Array(),
  };
}
