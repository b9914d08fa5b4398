/** Bytes of one message of a server. */
export const longestMessage = 4 * 1024 * 1024;
