const usual = 32_768;

/**
 * Tokens of context that Ollama is asked to hold, prompt and answer together: its own default on most machines is
 * 4096 (docs/context-length.mdx), and it drops the beginning of what is longer without a word. The operator may say
 * another number by Ollama's own variable; a model that was trained on less is given less by Ollama.
 */
export const ollamaContextLength = readLength(process.env.OLLAMA_CONTEXT_LENGTH);

function readLength(text: string | undefined): number {
  const length = Number(text ?? "");
  return Number.isSafeInteger(length) && length > 0 ? Math.min(length, 2 ** 31 - 1) : usual;
}
