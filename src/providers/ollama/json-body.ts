/** Most characters of a body that is read whole. */
const longestBody = 8 * 1024 * 1024;

/**
 * Reads a body as JSON. Throws a RangeError at one of more than 8 MiB, which is read no further, and a
 * SyntaxError at one that is no JSON.
 */
export async function readJsonBody(response: Response): Promise<unknown> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > longestBody) throw new RangeError("body too long");
  }
  return JSON.parse(text + decoder.decode());
}
