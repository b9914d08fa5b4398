import type { Code } from "@connectrpc/connect";
import { codeName } from "./codes.js";

/** An error as clients of an RPC protocol look for it: the status is 200. */
export interface RpcRefusal {
  readonly headers: Readonly<Record<string, string>>;
  /** Absent where the headers say everything. */
  readonly body?: Buffer;
}

const streamed = /^application\/(grpc|grpc-web|grpc-web-text|connect)(\+proto|\+json)?(?:\s*;|$)/i;

/**
 * What is said instead of an HTTP status to callers that would show nothing but its number, by the content type of
 * their request: Trailers-Only to gRPC and gRPC-Web, and the last message of a stream to Connect. Undefined where
 * the caller reads JSON, as unary Connect does.
 */
export function rpcRefusal(
  contentType: string,
  { code, message }: { code: Code; message: string },
): RpcRefusal | undefined {
  const [, protocol = "", codec = ""] = streamed.exec(contentType) ?? [];
  const headers = { "content-type": `application/${protocol}${codec}`.toLowerCase() };
  if (protocol === "") return undefined;
  if (protocol.toLowerCase() !== "connect")
    return { headers: { ...headers, "grpc-status": String(code), "grpc-message": percentEncoded(message) } };
  return codec === "" ? undefined : { headers, body: endOfStream({ code: codeName(code), message }) };
}

/** As the gRPC protocol encodes a Status-Message. */
function percentEncoded(message: string): string {
  return message.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]/gu, encodeURIComponent);
}

/** An EndStreamResponse of Connect, in its envelope. */
function endOfStream(error: { code: string; message: string }): Buffer {
  const json = Buffer.from(JSON.stringify({ error }));
  const envelope = Buffer.alloc(5);
  envelope.writeUInt8(2, 0);
  envelope.writeUInt32BE(json.length, 1);
  return Buffer.concat([envelope, json]);
}
