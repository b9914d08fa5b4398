import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

/** Names in place of the resolver's, and addresses that are allowed though they are not public. */
export interface ProxyNames {
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  readonly allowed: readonly string[];
}

/** What the proxy is told with a stream. */
export interface ProxyOrder {
  readonly hosts: readonly string[];
  readonly names?: ProxyNames;
}

/** The proxy of a server's sandboxes, a process of its own that runs from the first use on. */
export interface ProxyProcess {
  /**
   * Lets what comes from a stream reach these hosts, as in `Agent.allowed_hosts`. The stream is given away: nobody
   * may use it afterwards.
   */
  serve(link: Socket, hosts: readonly string[]): void;
  /** Ends the process, if there is one. */
  close(): void;
}

const program = fileURLToPath(new URL("./proxy-worker.js", import.meta.url));
/** Mebibytes. */
const heap = 128;

/** Starts nothing yet. A process that has died is replaced with the next use. */
export function createProxyProcess(names?: ProxyNames): ProxyProcess {
  let child: ChildProcess | undefined;
  /** Streams that are on their way. */
  const links = new Set<Socket>();
  const start = (): ChildProcess => {
    const started = fork(program, {
      execArgv: [...process.execArgv, `--max-old-space-size=${heap}`],
      env: {},
      // Not in the terminal's group: it is needed until the last call has ended.
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const drop = (): void => {
      if (child !== started) return;
      child = undefined;
      for (const link of links) link.destroy();
    };
    started.on("error", drop).on("exit", drop);
    // It must not keep the server from ending.
    started.unref();
    started.channel?.unref();
    return started;
  };
  return {
    serve(link, hosts) {
      child ??= start();
      const order: ProxyOrder = { hosts, ...(names && { names }) };
      links.add(link);
      // Ours is closed by us: the channel would keep it open for a process that has died.
      child.send(order, link, { keepOpen: true }, () => {
        links.delete(link);
        link.destroy();
      });
    },
    close() {
      if (child?.connected) child.disconnect();
      child = undefined;
    },
  };
}
