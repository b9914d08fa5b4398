import type { Redactor } from "./secrets.js";

/** Shorter ones would take ordinary words out of texts. */
const shortest = 8;
const replacement = "[secret]";

/** Of secrets that take the place of one another, so many of the newest are known: tokens come in twos and threes. */
const mostOfOwner = 12;

/** A redactor that knows nothing yet. */
export function createRedactor(): Redactor {
  const lasting = new Set<string>();
  /** The newest one last. */
  const passing = new Map<string, readonly string[]>();
  let known = new Map<string, readonly string[]>();
  // Longest first: a form may hold another one.
  let forms: readonly string[] = [];
  const refresh = (): void => {
    const all = new Set([...lasting, ...[...passing.values()].flat()]);
    known = new Map([...all].map((secret) => [secret, known.get(secret) ?? secretForms(secret)]));
    const usable = [...known.values()].flat().filter((form) => form.length >= shortest);
    forms = [...new Set(usable)].sort((a, b) => b.length - a.length);
  };
  return {
    add(secret, owner) {
      if (secret.length < shortest) return;
      if (owner === undefined) lasting.add(secret);
      else {
        const others = (passing.get(owner) ?? []).filter((other) => other !== secret);
        passing.set(owner, [...others, secret].slice(-mostOfOwner));
      }
      if (!known.has(secret)) refresh();
    },
    redact(text) {
      if (text.length < shortest) return text;
      let clean = text;
      for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, replacement);
      return clean;
    },
  };
}

function secretForms(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const url = encodeURIComponent(secret.toWellFormed());
  const form = new URLSearchParams([["", secret]]).toString().slice(1);
  const plain = [secret, json, json.replaceAll("/", "\\/"), url, lowerHex(url), form, lowerHex(form)];
  return [...plain, ...base64Forms(secret)];
}

function lowerHex(urlEncoded: string): string {
  return urlEncoded.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase());
}

/**
 * The value by itself, padded or not; then what is the same in every text that has the value at a distance
 * of 0, 1 or 2 bytes from a multiple of three, whatever is before and after it.
 */
function base64Forms(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const whole = toBase64(bytes);
  const forms = [whole, whole.replace(/=+$/, "")];
  for (const offset of [0, 1, 2]) {
    const shifted = new Uint8Array(offset + bytes.length);
    shifted.set(bytes, offset);
    const from = Math.ceil((offset * 8) / 6);
    const to = Math.floor((shifted.length * 8) / 6);
    forms.push(toBase64(shifted).slice(from, to));
  }
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
