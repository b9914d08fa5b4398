/** Something that must not be possible inside. */
export interface EscapeCheck {
  readonly name: string;
  /** A line for bash that ends with 0 exactly when it was possible. Its arguments are those of `EscapeScene`. */
  readonly attempt: string;
}

/** What the attempts aim at, as `$outside`, `$canary` … */
export interface EscapeScene {
  /** A directory outside of the working directory with a file `canary`. */
  readonly outside: string;
  /** A text that the environment of a process outside holds. */
  readonly canary: string;
  /** Port of a listener on the loopback address. */
  readonly port: number;
  /** A listening Unix socket in the working directory. */
  readonly socket: string;
  /** Path of a file of the server's state, in the working directory. */
  readonly state: string;
  readonly node: string;
}

const connect =
  "require('net').connect(process.argv[1]).on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))";

/** The attempts of `agentry doctor`: each one has worked on some sandbox. */
export const escapeChecks: readonly EscapeCheck[] = [
  { name: "write outside of work_dir", attempt: 'echo x >"$outside/written"' },
  { name: "read outside of work_dir", attempt: 'cat "$outside/canary"' },
  { name: "read the home directory", attempt: "ls -A ~ | grep -q ." },
  { name: "read /etc/shadow", attempt: "cat /etc/shadow" },
  { name: "read the server's state", attempt: 'grep -q . "$state"' },
  { name: "read environments of other processes", attempt: 'grep -qs "$canary" /proc/[0-9]*/environ' },
  { name: "keep capabilities", attempt: "grep -q 'CapEff:.*[1-9a-f]' /proc/self/status" },
  { name: "gain privileges by a program", attempt: "grep -q 'NoNewPrivs:.*0' /proc/self/status" },
  { name: "leave a set-user-id program", attempt: "cp /bin/sh own && chmod u+s own && [ -u own ]" },
  { name: "use ptrace, bpf, keyctl, io_uring", attempt: "! grep -q 'Seccomp:.*2' /proc/self/status" },
  { name: "remount the system", attempt: "mount -o remount,rw,bind /usr || touch /usr/agentry-escape" },
  { name: "make a device", attempt: "mknod /tmp/device b 8 0" },
  { name: "make a user namespace", attempt: "unshare --user --map-root-user true" },
  { name: "change the kernel's settings", attempt: "[ -w /proc/sys/kernel/core_pattern ]" },
  { name: "reach a loopback port", attempt: "exec 3<>/dev/tcp/127.0.0.1/$port" },
  { name: "see a network", attempt: "tail -n +3 /proc/net/dev | grep -qv '^ *lo:'" },
  { name: "reach a Unix socket", attempt: `"$node" -e "${connect}" "$socket"` },
  { name: "plant a git hook", attempt: "mkdir -p .git/hooks && echo x >.git/hooks/pre-commit" },
  { name: "rewrite agent configuration", attempt: "echo {} >.mcp.json" },
  { name: "write a file of 3 GiB", attempt: "truncate -s 3G big" },
  { name: "open files without end", attempt: "ulimit -n unlimited || ulimit -n 100000" },
  { name: "compute without end", attempt: "ulimit -t unlimited" },
];

/**
 * One script for all attempts: prints a line `NUMBER possible` or `NUMBER refused` for each, in their order.
 */
export function escapeScript(scene: EscapeScene): string {
  const settings = Object.entries(scene).map(([name, value]) => `${name}=${quote(String(value))}`);
  const attempts = escapeChecks.map(
    ({ attempt }, index) =>
      `if (${attempt}) >/dev/null 2>&1; then echo ${index} possible; else echo ${index} refused; fi`,
  );
  return [...settings, ...attempts].join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
