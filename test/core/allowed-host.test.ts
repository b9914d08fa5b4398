import { describe, expect, it } from "vitest";
import { allowsHost, plainHost, readAllowedHost, showAllowedHost } from "../../src/core/allowed-host.js";

describe("an entry of allowed_hosts", () => {
  it.each([
    ["api.example.com", "api.example.com", false, [80, 443]],
    ["*.example.com", "example.com", true, [80, 443]],
    ["api.example.com:8443", "api.example.com", false, [8443]],
    ["*.example.com:1", "example.com", true, [1]],
    ["API.Example.COM.", "api.example.com", false, [80, 443]],
    ["münchen.example", "xn--mnchen-3ya.example", false, [80, 443]],
    ["*.bücher.example:65535", "xn--bcher-kva.example", true, [65_535]],
    ["ｅxample.com", "example.com", false, [80, 443]],
    ["_srv.example.com", "_srv.example.com", false, [80, 443]],
  ])("is read from %s", (entry, name, subdomains, ports) => {
    const host = readAllowedHost(entry);
    expect(host).toEqual({ name, subdomains, ports });
    expect(readAllowedHost(showAllowedHost(host))).toEqual(host);
  });

  it.each([
    "",
    "*",
    "*.",
    "*.com",
    "*example.com",
    "a.*.example.com",
    "**.example.com",
    "*.*.example.com",
    "localhost",
    "a.localhost",
    "com",
    "http://example.com",
    "example.com/",
    "example.com/path",
    "example.com:",
    "example.com:0",
    "example.com:080",
    "example.com:65536",
    "example.com:443:443",
    "example.com:443 ",
    " example.com",
    "example.com\n",
    "exam\tple.com",
    "example.com\0",
    "user@example.com",
    "example.com#x",
    "example.com?x",
    "example.com\\x",
    "exa%6dple.com",
    "example..com",
    ".example.com",
    "-a.example.com",
    "example.com..",
    "127.0.0.1",
    "1.2.3.4",
    "0x7f.1",
    "127.1",
    "2130706433",
    "１.２.３.４",
    "10.0.0.0/8",
    "[::1]",
    "::1",
    "[2001:db8::1]:443",
    `${"a".repeat(64)}.example.com`,
    `${"a.".repeat(130)}com`,
    "\ud800.example.com",
  ])("is not %j", (entry) => {
    expect(() => readAllowedHost(entry)).toThrow(`allowed_hosts has ${JSON.stringify(entry)}: `);
  });
});

describe("allowed hosts", () => {
  const hosts = ["allowed.test", "*.wide.test", "other.test:8443"].map(readAllowedHost);

  it.each([
    ["allowed.test", 443, true],
    ["allowed.test", 80, true],
    ["allowed.test", 8443, false],
    ["a.allowed.test", 443, false],
    ["notallowed.test", 443, false],
    ["allowed.test.evil", 443, false],
    ["wide.test", 443, false],
    [".wide.test", 443, false],
    ["a.wide.test", 443, true],
    ["a.b.wide.test", 443, true],
    ["awide.test", 443, false],
    ["other.test", 8443, true],
    ["other.test", 443, false],
  ])("on %s and port %i say %s", (name, port, allowed) => {
    expect(allowsHost(hosts, name, port)).toBe(allowed);
  });
});

describe("a plain host", () => {
  it.each([
    ["ALLOWED.TEST.", "allowed.test"],
    ["allowed.test", "allowed.test"],
    ["xn--e1afmkfd.test", "xn--e1afmkfd.test"],
  ])("of %s is %s", (text, name) => {
    expect(plainHost(text)).toBe(name);
  });

  it.each([
    "allowed.test..",
    "",
    ".",
    "a b",
    "a\0.test",
    "a.test\n",
    "а.test",
    "\u212a.test",
    "0",
    "0x1",
    "127.1",
    "1.2.3.4",
    "::1",
    "[::1]",
    "a@b",
    "a/b",
    "a.-b",
  ])("is not %j", (text) => {
    expect(plainHost(text)).toBeUndefined();
  });
});
