#!/usr/bin/env node
// This file must load on any Node.js: it imports nothing until the version is known to be good.
const minimum = [22, 12];
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < (minimum[0] ?? 0) || (major === minimum[0] && minor < (minimum[1] ?? 0))) {
  process.stderr.write(
    `agentry needs Node.js ${minimum.join(".")} or newer and this is ${process.versions.node}; "npm start" in its folder brings its own\n`,
  );
  process.exit(1);
}

// Whatever this process creates is for its user alone.
const userMask = process.umask(0o077);
const { enableCompileCache } = await import("node:module");
enableCompileCache?.();
const { keepHeapSmall } = await import("./cli/heap.js");
keepHeapSmall();
const { runCli } = await import("./cli/cli.js");
await runCli(process.argv, userMask);

export {};
