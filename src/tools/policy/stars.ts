/**
 * What each star stands for in a pattern that was split at its stars, leftmost and shortest first;
 * undefined where the text does not match. In time linear in the text for each part.
 */
export function matchStars(parts: readonly string[], text: string): string[] | undefined {
  const [head = "", ...others] = parts;
  const tail = others.pop();
  if (tail === undefined) return text === head ? [] : undefined;
  if (!text.startsWith(head) || !text.endsWith(tail)) return undefined;
  const end = text.length - tail.length;
  const filled: string[] = [];
  let from = head.length;
  for (const part of others) {
    const at = text.indexOf(part, from);
    if (at < 0) return undefined;
    filled.push(text.slice(from, at));
    from = at + part.length;
  }
  if (from > end) return undefined;
  return [...filled, text.slice(from, end)];
}
