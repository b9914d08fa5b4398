/**
 * Where a text is found in another, by offset, ascending. Takes time in proportion to the two lengths,
 * whatever they hold (Knuth, Morris and Pratt). `overlapping`: also where occurrences share characters.
 */
export function findText(
  text: string,
  wanted: string,
  { overlapping }: { readonly overlapping: boolean },
): number[] {
  const borders = findBorders(wanted);
  const found: number[] = [];
  let matched = 0;
  for (let i = 0; i < text.length; i += 1) {
    while (matched > 0 && text.charCodeAt(i) !== wanted.charCodeAt(matched))
      matched = borders[matched - 1] ?? 0;
    if (text.charCodeAt(i) === wanted.charCodeAt(matched)) matched += 1;
    if (matched < wanted.length) continue;
    found.push(i - wanted.length + 1);
    matched = overlapping ? (borders[matched - 1] ?? 0) : 0;
  }
  return found;
}

/** For each beginning of the text, the length of the longest proper one that is also its end. */
function findBorders(text: string): Uint32Array {
  const borders = new Uint32Array(text.length);
  let length = 0;
  for (let i = 1; i < text.length; i += 1) {
    while (length > 0 && text.charCodeAt(i) !== text.charCodeAt(length)) length = borders[length - 1] ?? 0;
    if (text.charCodeAt(i) === text.charCodeAt(length)) length += 1;
    borders[i] = length;
  }
  return borders;
}
