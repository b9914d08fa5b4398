import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { ToolFailure } from "../tool-failure.js";
import { whyFailed } from "./request-target.js";

/** Bytes of a body that are read, counted after decompression. */
const mostBodyBytes = 5 * 1024 * 1024;

/** What was read of a body. */
export interface Body {
  readonly bytes: Buffer;
  /** The body goes on. */
  readonly cut: boolean;
}

/**
 * Reads the first 5 MiB of a body, decompressed on the way, and gives the rest up. Throws a `ToolFailure`
 * for an unknown coding and for a body that breaks off.
 */
export async function readBody(response: IncomingMessage, signal: AbortSignal): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of decoded(response)) {
      if (!Buffer.isBuffer(chunk)) continue;
      chunks.push(chunk);
      size += chunk.length;
      if (size > mostBodyBytes) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ToolFailure) throw error;
    throw new ToolFailure(`the answer broke off after ${size} bytes: ${whyFailed(error)}`);
  } finally {
    response.destroy();
  }
  const bytes = Buffer.concat(chunks, Math.min(size, mostBodyBytes));
  return { bytes, cut: size > mostBodyBytes };
}

function decoded(response: IncomingMessage): Readable {
  const coding = (response.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (coding === "" || coding === "identity") return response;
  const decoder = decoderOf(coding);
  // Errors come out of the decoder, which is what is read.
  return pipeline(response, decoder, () => undefined);
}

function decoderOf(coding: string) {
  if (coding === "gzip" || coding === "x-gzip") return createGunzip();
  if (coding === "br") return createBrotliDecompress();
  if (coding === "deflate") return createInflate();
  throw new ToolFailure("the answer has a content encoding that is not known here");
}
