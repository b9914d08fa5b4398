const signatures: readonly (readonly [mediaType: string, pattern: RegExp])[] = [
  ["image/png", /^89504e470d0a1a0a/],
  ["image/jpeg", /^ffd8ff/],
  ["image/gif", /^474946383[79]61/],
  ["image/webp", /^52494646.{8}57454250/],
];

/** The media type of a PNG, JPEG, GIF or WebP image by its first bytes, undefined for anything else. */
export function imageType(head: Uint8Array): string | undefined {
  const digits = Buffer.from(head.subarray(0, 12)).toString("hex");
  return signatures.find(([, pattern]) => pattern.test(digits))?.[0];
}
