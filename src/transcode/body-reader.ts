import type { ZlibOptions } from "node:zlib";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { badRequest, bodyTooLarge, HttpError } from "./http-error.js";
import type { HttpRequest } from "./http-exchange.js";
import { headerValue } from "./http-exchange.js";

type Decompress = (
  data: Uint8Array,
  options: ZlibOptions,
  done: (error: Error | null, decompressed: Buffer) => void,
) => void;

const decompressors: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  ["deflate", inflate],
  ["br", brotliDecompress],
]);

/**
 * Reads a request body into memory and decompresses it; neither form may be larger than the limit. Throws
 * 413 without reading on, 415 for an encoding other than gzip, deflate and br, 400 for a corrupt one, and
 * `canceled` when the client leaves before the end.
 */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  const encoding = (headerValue(request.headers, "content-encoding") ?? "identity").trim().toLowerCase();
  const decompress = decompressors.get(encoding);
  if (!decompress && encoding !== "identity" && encoding !== "") {
    throw new HttpError(415, Code.InvalidArgument, "the content encoding must be gzip, deflate or br", {
      "accept-encoding": "gzip, deflate, br",
    });
  }
  if (Number(headerValue(request.headers, "content-length") ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  const body = await collect(request, maxBytes);
  if (!decompress || body.length === 0) return body;
  return new Promise((resolve, reject) => {
    decompress(body, { maxOutputLength: maxBytes }, (error, decompressed) => {
      if (!error) resolve(decompressed);
      else if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") reject(bodyTooLarge(maxBytes));
      else reject(badRequest(`the request body is not valid ${encoding}`));
    });
  });
}

function collect(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      settle();
      request.pause();
      reject(bodyTooLarge(maxBytes));
    };
    const onEnd = (): void => {
      settle();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    };
    const onClose = (): void => {
      settle();
      reject(new ConnectError("the client left before the end of its request", Code.Canceled));
    };
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}
