import { invalid } from "../core/fault.js";
import { isShallow, maxJsonDepth } from "../core/json-depth.js";

const maxLabels = 64;
const maxLabelLength = 256;

/** @throws Fault `invalid` for a text that is longer than it may be. */
export function checkLength(name: string, text: string, max: number): void {
  if (text.length > max) throw invalid(`${name} has ${text.length} characters; at most ${max} are allowed`);
}

/** @throws Fault `invalid` for too many labels, or too long ones. */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > maxLabels)
    throw invalid(`labels has ${entries.length} entries; at most ${maxLabels} are allowed`);
  for (const [key, value] of entries) {
    if (key === "" || key.length > maxLabelLength) throw invalid("a label's name has 1 to 256 characters");
    checkLength(`label ${JSON.stringify(key)}`, value, maxLabelLength);
  }
}

/** @throws Fault `invalid` for free-form JSON that nests too deeply to be kept. */
export function checkDepth(name: string, value: unknown): void {
  if (!isShallow(value)) throw invalid(`${name} nests deeper than ${maxJsonDepth} levels`);
}
