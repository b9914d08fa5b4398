import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ProtocolImage } from "./protocol-image.js";
import { enumValues, fields, methods, services } from "./protocol-image.js";
import { root } from "./repository.js";

const buf = join(root, "node_modules/.bin/buf");
const image: ProtocolImage = JSON.parse(
  execFileSync(buf, ["build", "-o", "-#format=json"], { cwd: root, encoding: "utf8", maxBuffer: 64 << 20 }),
);
const files = image.file.filter((file) => file.package === "agentry.v1");
const rpcs = files.flatMap(methods);

describe("every method of agentry.v1", () => {
  it("is found", () => {
    expect(files.length).toBeGreaterThanOrEqual(7);
    expect(rpcs.length).toBeGreaterThanOrEqual(25);
  });

  it("has an HTTP binding under /v1", () => {
    const unbound = rpcs.filter(
      ({ paths }) => !paths.length || paths.some(({ path }) => !path.startsWith("/v1/")),
    );
    expect(unbound.map(({ name }) => name)).toEqual([]);
  });

  it("has bindings of its own", () => {
    const seen = rpcs.flatMap(({ paths }) =>
      paths.map(({ verb, path }) => `${verb} ${path.replace(/\{[^}]*\}/g, "{}")}`),
    );
    expect(seen.filter((binding, index) => seen.indexOf(binding) !== index)).toEqual([]);
  });

  it("is bound to GET just when it has no side effects", () => {
    const odd = rpcs.filter(({ readOnly, paths }) => paths.some(({ verb }) => (verb === "get") !== readOnly));
    expect(odd.map(({ name }) => name)).toEqual([]);
  });

  it("that streams says how over server-sent events", () => {
    const silent = rpcs.filter(({ streams, streamOptions }) => streams !== streamOptions);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});

describe("a comment of its own has every", () => {
  it.each([
    ["service", services],
    ["method", methods],
    ["field", fields],
    ["enum value", enumValues],
  ])("%s", (_, list) => {
    const found = files.flatMap(list);
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter(({ comment }) => !comment).map(({ name }) => name)).toEqual([]);
  });
});
