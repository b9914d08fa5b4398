/**
 * How deep free-form JSON may nest. The binary codec stops at 100 messages, of which a level of JSON takes
 * two and the messages around it a few: what is taken in must be readable again.
 */
export const maxJsonDepth = 32;

/** Whether a JSON value nests no deeper than `max` objects and arrays. Does not recurse, so no input can exhaust the stack. */
export function isShallow(value: unknown, max: number = maxJsonDepth): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    const objects = level.filter((item) => typeof item === "object" && item !== null);
    if (objects.length > 0 && depth === max) return false;
    level = objects.flatMap((item) => Object.values(item as object));
  }
  return true;
}
