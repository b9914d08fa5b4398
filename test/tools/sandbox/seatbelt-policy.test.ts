import { describe, expect, it } from "vitest";
import type { SeatbeltRequest } from "../../../src/tools/sandbox/seatbelt-policy.js";
import { runtimeHosts, seatbeltPolicy } from "../../../src/tools/sandbox/seatbelt-policy.js";

const request: SeatbeltRequest = {
  workDir: "/Users/ann/project",
  writable: true,
  home: "/Users/ann",
  hidden: ["/Users/ann/Library/agentry", "/Users/ann/project/agentry.db"],
  programs: ["/Users/ann/.nvm/node"],
};

const paths = (entries: readonly { path: string }[]): string[] => entries.map(({ path }) => path);

describe("the policy of a command on macOS", () => {
  const policy = seatbeltPolicy(request);

  it("takes every path as it is", () => {
    const all = Object.values(policy).flat();
    expect(all.every(({ literal }) => literal === true)).toBe(true);
  });

  it("shows of what people have the working directory and programs alone", () => {
    expect(paths(policy.denyRead)).toEqual(
      expect.arrayContaining(["/Users", "/Volumes", "/Users/ann", ...request.hidden]),
    );
    expect(paths(policy.allowRead)).toEqual(["/Users/ann/project", "/Users/ann/.nvm/node"]);
  });

  it("lets the working directory be written, but for protected names and the state", () => {
    expect(paths(policy.allowWrite)).toEqual(["/Users/ann/project"]);
    const denied = paths(policy.denyWrite);
    for (const name of [
      ".git/hooks",
      ".git/config",
      ".git/config.worktree",
      ".vscode",
      ".mcp.json",
      ".envrc",
    ])
      expect(denied).toContain(`/Users/ann/project/${name}`);
    expect(denied).toContain("/Users/ann/project/agentry.db");
    expect(denied).not.toContain("/Users/ann/project/.git");
    expect(denied).not.toContain("/Users/ann/project/.zshrc");
  });

  it("lets what only reads write nothing", () => {
    expect(seatbeltPolicy({ ...request, writable: false }).allowWrite).toEqual([]);
  });

  it("hides keys, and keeps start files, where the working directory is the home directory", () => {
    const atHome = seatbeltPolicy({ ...request, workDir: "/Users/ann" });
    expect(paths(atHome.denyRead)).toEqual(expect.arrayContaining(["/Users/ann/.ssh", "/Users/ann/.aws"]));
    expect(paths(atHome.denyWrite)).toContain("/Users/ann/.zshrc");
    expect(paths(policy.denyRead)).not.toContain("/Users/ann/.ssh");
  });
});

it("names every port of allowed hosts", () => {
  expect(runtimeHosts(["api.example.com", "*.example.org:8443"])).toEqual([
    "api.example.com:80",
    "api.example.com:443",
    "*.example.org:8443",
  ]);
  expect(() => runtimeHosts(["*"])).toThrow("allowed_hosts");
});
