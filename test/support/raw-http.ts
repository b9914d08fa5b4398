import { connect } from "node:net";

/** What came back over a raw connection. */
export interface RawReply {
  /** Status of the first response; 0 when there was none. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
}

/** Sends bytes exactly as they are and reads until the server closes, or until `waitMs` after the last byte. */
export function sendRaw(port: number, bytes: string | Buffer, waitMs = 2000): Promise<RawReply> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1");
    let timer = setTimeout(() => finish(false), waitMs);
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      const text = Buffer.concat(chunks).toString("latin1");
      const cut = text.indexOf("\r\n\r\n");
      resolve({
        status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0),
        head: cut < 0 ? text : text.slice(0, cut),
        body: cut < 0 ? "" : text.slice(cut + 4),
        closed,
      });
    };
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(() => finish(false), waitMs);
    });
    socket.on("end", () => finish(true));
    socket.on("close", () => finish(true));
    socket.on("error", () => finish(true));
    socket.write(bytes);
  });
}

/** A request head by lines, with nothing added. */
export function rawRequest(...lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}
