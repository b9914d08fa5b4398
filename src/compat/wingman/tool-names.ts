/** Wingman's names of tools, and ours, where they differ. Their parameters are the same. */
export const wingmanToolNames: ReadonlyMap<string, string> = new Map([["webfetch", "fetch"]]);
