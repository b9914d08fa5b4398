// Reads a session's events over either transport, and stops after so many bytes as if the wire was cut.
import { request } from "node:http";
import { wholeFrames } from "./server.mjs";

const open = {
  sse: (url, session, after) =>
    request(`${url}/v1/sessions/${session}/events`, {
      headers: { accept: "text/event-stream", ...(after > 0 && { "last-event-id": String(after) }) },
    }),
  connect: (url) =>
    request(`${url}/agentry.v1.RunService/WatchSession`, {
      method: "POST",
      headers: { "content-type": "application/connect+json", "connect-protocol-version": "1" },
    }),
};

const body = {
  sse: () => Buffer.alloc(0),
  connect(session, after) {
    const json = Buffer.from(JSON.stringify({ sessionId: session, after }));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(json.length, 1);
    return Buffer.concat([head, json]);
  },
};

const parse = {
  sse: (bytes) => wholeFrames(bytes.toString()).map(({ id }) => id),
  connect(bytes) {
    const ids = [];
    for (let at = 0; at + 5 <= bytes.length; ) {
      const end = at + 5 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      const message = JSON.parse(bytes.subarray(at + 5, end).toString());
      if ((bytes[at] & 2) === 0) ids.push(message.event.seq);
      else if (message.error) throw new Error(JSON.stringify(message.error));
      at = end;
    }
    return ids;
  },
};

/** The positions that arrived, whole, in the first `limit` bytes after a position. Never waits longer than `waitMs`. */
export function readBytes(transport, { url, session, after, limit, waitMs }) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let length = 0;
    const outgoing = open[transport](url, session, after);
    const finish = () => {
      clearTimeout(timer);
      outgoing.destroy();
      try {
        resolve(parse[transport](Buffer.concat(chunks).subarray(0, limit)));
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(finish, waitMs);
    outgoing.on("error", () => undefined);
    outgoing.on("response", (response) => {
      if (response.statusCode !== 200) reject(new Error(`${transport} answered ${response.statusCode}`));
      response.on("error", () => undefined);
      response.on("end", finish);
      response.on("data", (chunk) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= limit) finish();
      });
    });
    outgoing.end(body[transport](session, after));
  });
}
