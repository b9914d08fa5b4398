import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { holderMode } from "../../../src/tools/sandbox/plan-covers.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

const secrets = [
  ".ssh/id_ed25519",
  ".aws/credentials",
  ".config/gcloud/key",
  ".config/google-chrome/Cookies",
  ".netrc",
  ".bash_history",
];
const state = ["data/agentry.db", "data/agentry.db-wal", "data/master.key", "data/token"];
/** Shows all that can be read below the directories that matter, and what /proc tells of others. */
const search = (outer: string): string =>
  `cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; env; grep -rs CANARY ${outer} ~ /etc /tmp /run /dev/shm /var; find ${outer} 2>/dev/null; cat /etc/shadow; true`;

describe.skipIf(whyNoSandbox)("no secret is seen", () => {
  it.each([
    { name: "the working directory", workDir: "w" },
    { name: "the home directory", workDir: "home" },
    { name: "a directory that contains all", workDir: "" },
  ])("with $name to work in", async ({ workDir }) => {
    const place = makeBwrapPlace(["data", "elsewhere/other.db"]);
    for (const name of secrets) place.put(`home/${name}`, "CANARY-home");
    for (const name of state) place.put(name, "CANARY-state");
    place.put("elsewhere/other.db", "CANARY-state");
    place.put("other-session/file", "CANARY-session");
    const environment = { CANARY_KEY: "CANARY-environment" };
    const server = spawn("sleep", ["60", "CANARY-argument"], {
      env: { PATH: process.env.PATH, ...environment },
    });
    onTestFinished(() => void server.kill("SIGKILL"));
    const { text } = await place.run(search(place.outer), { workDir: join(place.outer, workDir) });
    const seen = text.split("\n").filter((line) => line.includes("CANARY") && !line.includes("grep -rs"));
    // Who works above another directory sees what is in it: its owner put the session there.
    expect(seen.filter((line) => !(workDir === "" && line.includes("CANARY-session")))).toEqual([]);
    expect(text).not.toContain("root:$");
  });

  it("with the root directory to work in", async () => {
    const place = makeBwrapPlace(["data"]);
    for (const name of state) place.put(name, "CANARY-state");
    place.put("home/.ssh/id", "CANARY-home");
    const { text, code } = await place.run(
      `cat ${place.outer}/data/* ${place.home}/.ssh/* /etc/shadow 2>/dev/null; ls /usr >/dev/null; touch /usr/agentry-x /etc/agentry-x 2>&1; [ -e /etc/passwd ]`,
      { workDir: "/" },
    );
    expect(text).not.toContain("CANARY");
    expect(code).toBe(0);
    expect(existsSync("/usr/agentry-x") || existsSync("/etc/agentry-x")).toBe(false);
  });

  it("and the state cannot be moved away, so that another takes its place", async () => {
    const place = makeBwrapPlace(["home/.local/share/agentry"]);
    place.put("home/.local/share/agentry/token", "CANARY");
    await place.run(
      "mv .local x; mv .local/share y; rm -rf .local; mkdir -p .local/share/agentry; echo mine >.local/share/agentry/token",
      {
        workDir: place.home,
      },
    );
    expect(readFileSync(join(place.home, ".local/share/agentry/token"), "utf8")).toBe("CANARY");
    expect(readdirSync(join(place.home, ".local/share/agentry"))).toEqual(["token"]);
  });

  it.each([
    { name: "its last part", path: "w/link", link: "w/link", line: "mkdir link" },
    { name: "a part of it", path: "w/link/deep", link: "w/link", line: "mkdir -p link/deep" },
    {
      name: "a part of it, further down",
      path: "w/a/link/deep",
      link: "w/a/link",
      line: "mkdir -p a/link/deep",
    },
  ])("nor by another link where $name is one that leads to it", async ({ path, link, line }) => {
    const place = makeBwrapPlace([path]);
    place.put("state/deep/token", "CANARY-state");
    mkdirSync(dirname(join(place.outer, link)), { recursive: true });
    symlinkSync(join(place.outer, "state"), join(place.outer, link));
    const { text } = await place.run(
      `cat ${path.slice(2)}/*; rm ${link.slice(2)} && ${line} && echo replaced; mv a b`,
    );
    expect(text).not.toContain("CANARY");
    expect(text).toContain("replaced");
    expect(readlinkSync(join(place.outer, link))).toBe(join(place.outer, "state"));
  });

  it.each(["data", "state", "state/etc"])("and the server's %s is no place to work in", async (name) => {
    const place = makeBwrapPlace(["data"]);
    mkdirSync(join(place.outer, "data"), { recursive: true });
    expect(place.sandbox.name).toBe("bwrap");
    await expect(place.run("true", { workDir: join(place.outer, name) })).rejects.toThrow("keeps its state");
  });

  it("nor from a directory in it", async () => {
    const place = makeBwrapPlace(["data"]);
    for (const name of state) place.put(name, "CANARY-state");
    place.put("data/work/file", "mine");
    const { text } = await place.run("cat file; cat ../* ../../data/*; ls -A ..", {
      workDir: join(place.outer, "data/work"),
    });
    expect(text).toContain("mine");
    expect(text).not.toContain("CANARY");
    expect(text).not.toContain("master.key");
  });

  it("and /tmp is one, as people like to try things there", async () => {
    const { text } = await makeBwrapPlace().run(
      "pwd; touch agentry-was-here && rm agentry-was-here && echo ok",
      {
        workDir: "/tmp",
      },
    );
    expect(text).toBe("/tmp\nok\n");
  });

  it.each(["/etc", "/usr", "/proc", "/proc/self", "/dev", "/sys/kernel"])(
    "and %s is no place to work in",
    async (workDir) => {
      await expect(makeBwrapPlace().run("true", { workDir })).rejects.toThrow("part of the system");
    },
  );
});

const planted = [
  ".git/hooks/pre-commit",
  ".git/config",
  ".git/commondir",
  ".mcp.json",
  ".vscode/tasks.json",
  ".envrc",
  ".bashrc",
  ".agentry/agents.yaml",
  ".claude/settings.json",
  ".cursor/mcp.json",
  ".idea/workspace.xml",
];
const plant = (path: string): string =>
  `mkdir -p "$(dirname ${path})"; echo planted >${path}; mv ${path.split("/")[0]} x; rm -rf ${path.split("/")[0]}; mkdir -p "$(dirname ${path})"; echo planted >${path}; ln -sfn /tmp ${path.split("/")[0]}; true`;

describe.skipIf(whyNoSandbox)("what makes the user's programs run something", () => {
  it.each(planted)("cannot be made: %s", async (path) => {
    const place = makeBwrapPlace();
    await place.run(plant(path));
    await expect.poll(() => readdirSync(place.workDir)).toEqual([]);
  });

  it.each(planted)("cannot be changed or replaced: %s", async (path) => {
    const place = makeBwrapPlace();
    place.put("w/.git/HEAD", "ref: refs/heads/main\n");
    place.put("w/.git/config", "[core]\n");
    place.put("w/.git/hooks/pre-commit", "mine");
    if (path !== ".git/commondir") place.put(`w/${path}`, "mine");
    await place.run(plant(path));
    expect(existsSync(join(place.workDir, path)) && readFileSync(join(place.workDir, path), "utf8")).toBe(
      path === ".git/commondir" ? false : "mine",
    );
    expect(readFileSync(join(place.workDir, ".git/hooks/pre-commit"), "utf8")).toBe("mine");
  });

  it("cannot be reached by a link that was there before", async () => {
    const place = makeBwrapPlace();
    place.put("w/settings/tasks.json", "mine");
    symlinkSync("settings", join(place.workDir, ".vscode"));
    await place.run(
      "echo x >.vscode/tasks.json; echo x >settings/tasks.json; rm .vscode; mkdir .vscode; echo x >.vscode/tasks.json",
    );
    expect(readFileSync(join(place.workDir, ".vscode/tasks.json"), "utf8")).toBe("mine");
  });

  it("does not keep git from its work", async () => {
    const place = makeBwrapPlace();
    const { text, code } = await place.run(
      "command -v git >/dev/null || exit 0; git init -q repo && cd repo && echo 1 >f && git add f && git -c user.name=a -c user.email=b commit -qm one && git log --oneline | wc -l",
    );
    expect(text.trim()).toMatch(/^1?$/);
    expect(code).toBe(0);
    const again = await place.run(
      'command -v git >/dev/null || exit 0; [ -z "$(git status --porcelain)" ] && echo 2 >>f && git -c user.name=a -c user.email=b commit -qam two && git config user.name x 2>/dev/null; git log --oneline | wc -l',
      { workDir: join(place.workDir, "repo") },
    );
    expect(again.text.trim()).toMatch(/^2?$/);
    await expect.poll(() => readdirSync(join(place.workDir, "repo")).sort()).toEqual([".git", "f"]);
  });

  it("leaves no trace when calls overlap, and takes away what a dead server left", async () => {
    const place = makeBwrapPlace();
    mkdirSync(join(place.workDir, ".envrc"), { mode: holderMode });
    const long = place.run("until [ -e go ]; do sleep 0.02; done; echo x >.git/x; ls -A");
    await place.run("true");
    expect(existsSync(join(place.workDir, ".git"))).toBe(true);
    await place.run("touch go");
    expect((await long).text).toContain("Permission denied");
    await expect.poll(() => readdirSync(place.workDir)).toEqual(["go"]);
  });

  it("is not touched where it is the user's: empty directories, and what is put there meanwhile", async () => {
    const place = makeBwrapPlace();
    mkdirSync(join(place.workDir, ".vscode"));
    const running = place.run("until [ -e go ]; do sleep 0.02; done");
    await expect.poll(() => existsSync(join(place.workDir, ".git"))).toBe(true);
    place.put("w/.git/HEAD", "of the user");
    place.put("w/go", "");
    await running;
    await expect.poll(() => readdirSync(place.workDir).sort()).toEqual([".git", ".vscode", "go"]);
    expect(statSync(join(place.workDir, ".git")).mode & 0o7777).toBe(0o700);
  });

  it("a command that only reads writes nothing, and needs no place holders", async () => {
    const place = makeBwrapPlace();
    const { text } = await place.run("ls -A; echo x >new; echo x >/tmp/y && cat /tmp/y", { readOnly: true });
    expect(text).toMatch(/^bash: .*new: Read-only file system\nx\n$/);
  });
});

describe.skipIf(whyNoSandbox)("the network", () => {
  it("is not there: nobody outside hears anything", async () => {
    const place = makeBwrapPlace();
    let heard = 0;
    const count = (): void => {
      heard += 1;
    };
    const tcp = createServer(count).listen(0, "127.0.0.1");
    const unix = createServer(count).listen(join(place.workDir, "socket"));
    const abstract = createServer(count).listen("\0agentry-test-abstract");
    const udp = createSocket("udp4", count).bind(0, "127.0.0.1");
    onTestFinished(() => void [tcp, unix, abstract, udp].map((server) => server.close()));
    await Promise.all([tcp, unix, abstract, udp].map((server) => once(server, "listening")));
    const port = (tcp.address() as { port: number }).port;
    const node = (code: string): string => `"${process.execPath}" -e "${code}"`;
    const attempts = [
      `echo hello >/dev/tcp/127.0.0.1/${port}`,
      `echo hello >/dev/tcp/localhost/${port}`,
      `echo hello >/dev/udp/127.0.0.1/${udp.address().port}`,
      "echo hello >/dev/udp/9.9.9.9/53",
      "timeout 2 getent hosts canary.example.com",
      `timeout 2 curl -s http://127.0.0.1:${port}/`,
      "timeout 2 ping -c 1 127.0.0.1",
      node(
        "require('net').connect('socket').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))",
      ),
      node(
        "require('net').connect('\\\\0agentry-test-abstract').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))",
      ),
      node(
        `require('net').connect(${port},'::1').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))`,
      ),
    ];
    const { text } = await place.run(
      attempts
        .map((line) => `(${line}) >/dev/null 2>&1 && echo "reached: ${line.replaceAll(/["$\\]/g, "")}"`)
        .join("\n"),
    );
    // UDP goes out into nothing: that it was sent says nothing, that nobody heard it does.
    expect(
      text.split("\n").filter((line) => line.startsWith("reached") && !line.includes("/dev/udp/127")),
    ).toEqual([]);
    expect(heard).toBe(0);
    expect((await place.run("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")).text).toBe("lo\n");
  });
});

it.skipIf(whyNoSandbox)("follows a working directory that is a link, at each call anew", async () => {
  const place = makeBwrapPlace();
  mkdirSync(join(place.outer, "second"));
  const link = join(place.outer, "link");
  symlinkSync(place.workDir, link);
  expect((await place.run("echo 1 >f; pwd", { workDir: link })).text).toBe(`${place.workDir}\n`);
  renameSync(link, join(place.outer, "old"));
  symlinkSync(join(place.outer, "second"), link);
  await place.run("echo 2 >f", { workDir: link });
  expect(readFileSync(join(place.outer, "second/f"), "utf8")).toBe("2\n");
});
