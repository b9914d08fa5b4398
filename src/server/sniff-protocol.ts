import type { Socket } from "node:net";

/** The connection preface of HTTP/2 (RFC 9113 section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** What is done with a new connection. */
export interface Sniffing {
  /** Time for the peer to say something decisive, and for `ready`; then the socket is closed. */
  readonly timeoutMs: number;
  /** Called when the peer has said it; what it returns is waited for. */
  readonly ready: () => Promise<void> | undefined;
  readonly found: (protocol: "h1" | "h2") => void;
}

/**
 * Reads just enough of a new connection to tell HTTP/2 from HTTP/1.1, puts it back, and calls `found` once.
 * Not called when the peer leaves first.
 */
export function sniffProtocol(socket: Socket, { timeoutMs, ready, found }: Sniffing): void {
  let seen = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const ignore = () => undefined;
  const stop = () => {
    clearTimeout(timer);
    socket.off("readable", onReadable);
    socket.off("error", ignore);
    socket.off("end", onEnd);
    socket.off("close", stop);
  };
  const onEnd = () => {
    stop();
    socket.destroy();
  };
  const onReadable = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = Buffer.concat([seen, chunk]);
    }
    if (seen.length === 0) return;
    const compared = Math.min(seen.length, preface.length);
    const alike = seen.subarray(0, compared).equals(preface.subarray(0, compared));
    if (alike && compared < preface.length) return;
    socket.off("readable", onReadable);
    // At once, for an end may have come with it: a stream that holds something has not ended.
    socket.unshift(seen);
    const proceed = () => {
      if (socket.destroyed) return;
      stop();
      found(alike ? "h2" : "h1");
    };
    const waiting = ready();
    if (waiting) void waiting.then(proceed);
    else proceed();
  };
  socket.on("readable", onReadable);
  socket.on("error", ignore);
  socket.on("end", onEnd);
  socket.on("close", stop);
}
