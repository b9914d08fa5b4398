import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../src/core/redactor.js";

const secret = 'sk-a/b+c "quoted" ü7';
const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("a redactor", () => {
  const forms: [string, string][] = [
    ["plain", secret],
    ["in JSON", JSON.stringify(secret).slice(1, -1)],
    ["in JSON with escaped slashes", JSON.stringify(secret).slice(1, -1).replaceAll("/", "\\/")],
    ["URL-encoded", encodeURIComponent(secret)],
    ["URL-encoded in lower case", encodeURIComponent(secret).replace(/%../g, (byte) => byte.toLowerCase())],
    ["as a form value", new URLSearchParams({ k: secret }).toString().slice(2)],
    ["in base64", base64(secret)],
    ["in base64 without padding", base64(secret).replace(/=+$/, "")],
    ["in base64url", Buffer.from(secret).toString("base64url")],
  ];
  it.each(forms)("takes out a secret %s", (_, form) => {
    const redactor = createRedactor();
    redactor.add("another-secret");
    redactor.add(secret);
    expect(redactor.redact(`before ${form} and ${form} after`)).toBe("before [secret] and [secret] after");
  });

  it.each(["", "u", "us", "user:", "user::"])("takes a secret out of the base64 of %j and it", (prefix) => {
    const redactor = createRedactor();
    redactor.add("sk-0123456789abcdef");
    const clean = redactor.redact(base64(`${prefix}sk-0123456789abcdef:more`));
    expect(clean).toContain("[secret]");
    const left = clean.split("[secret]").map((part) => Buffer.from(part, "base64").toString("latin1"));
    expect(left.join("|")).not.toMatch(/0123|4567|89ab|cdef/);
  });

  it("leaves texts alone when nothing is known, or only what is too short", () => {
    const redactor = createRedactor();
    expect(redactor.redact(secret)).toBe(secret);
    redactor.add("");
    redactor.add("1234567");
    expect(redactor.redact("a 1234567 and more")).toBe("a 1234567 and more");
    redactor.add("12345678");
    expect(redactor.redact("12345678")).toBe("[secret]");
  });

  it("forgets the oldest of those that took the place of one another, and no others", () => {
    const redactor = createRedactor();
    const token = (n: number) => `token-${n}-0123456789`;
    redactor.add("for-good-0123456789");
    redactor.add(token(0), "other");
    for (let n = 0; n < 1000; n += 1) redactor.add(token(n), "one");
    redactor.add(token(990), "one");
    redactor.add(token(1000), "one");
    const known = (text: string) => redactor.redact(text) === "[secret]";
    expect(["for-good-0123456789", token(0), token(990), token(1000)].filter(known)).toHaveLength(4);
    expect(Array.from({ length: 1001 }, (_, n) => token(n)).filter(known)).toHaveLength(13);
  });

  it("takes out the longer of two secrets that overlap", () => {
    const redactor = createRedactor();
    redactor.add("abcdefgh");
    redactor.add("abcdefgh-ijkl");
    expect(redactor.redact("abcdefgh-ijkl abcdefgh")).toBe("[secret] [secret]");
  });

  it("leaves no secret in any text, and takes nothing else", () => {
    const noise = fc.string({ unit: "grapheme" });
    const secrets = fc.array(fc.string({ unit: "grapheme-ascii", minLength: 12 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(secrets, noise, noise, (known, before, after) => {
        const redactor = createRedactor();
        for (const each of known) redactor.add(each);
        for (const each of known) {
          for (const form of [each, encodeURIComponent(each), JSON.stringify(each), base64(each)]) {
            const clean = redactor.redact(`${before} ${form} ${after}`);
            expect(clean).toContain("[secret]");
            expect(clean).not.toContain(form);
          }
        }
      }),
    );
  });

  it("takes a secret with a lone surrogate", () => {
    const redactor = createRedactor();
    redactor.add("secret-\ud800-secret");
    expect(redactor.redact("x secret-\ud800-secret")).toBe("x [secret]");
  });
});
