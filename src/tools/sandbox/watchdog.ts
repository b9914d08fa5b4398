import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { markName } from "./process-tree.js";

// It waits for the end of its input, which the kernel closes when the server dies of whatever cause. Then
// it stops what carries the mark, so that nothing forks any more, and kills until none is left.
const script = `
cat >/dev/null
marked() { grep -laF "${markName}=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
for signal in STOP STOP STOP KILL KILL KILL KILL KILL KILL KILL KILL; do
  pids=$(marked "$1")
  [ -n "$pids" ] || exit 0
  kill -s $signal $pids 2>/dev/null
  [ $signal = STOP ] || sleep 0.1
done
`;

/**
 * Starts a small shell that outlives this process only to end the children it left behind: every process
 * whose mark begins with `prefix`. It does not keep this process alive, and does nothing where there is
 * no /proc. Whoever starts it ends it by closing its stdin.
 */
export function startWatchdog(prefix: string): ChildProcess {
  const watchdog = spawn("/bin/sh", ["-c", script, "sh", prefix], {
    cwd: "/",
    detached: true,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  // A machine without a shell has no watchdog; the other ways of ending children remain.
  watchdog.on("error", () => undefined);
  watchdog.stdin.on("error", () => undefined);
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog;
}
