/** The file mode creation mask of whoever started this process; undefined: this process has not changed it. */
let userMask: number | undefined;

/** Tells which mask `withUserMask` goes back to. */
export function keepUserMask(mask: number): void {
  userMask = mask;
}

/**
 * Does work that starts a process for the user, who expects the files that it makes to have the rights that his
 * own programs give, not those of the server's files. The work has to be done when it returns.
 */
export function withUserMask<T>(work: () => T): T {
  if (userMask === undefined) return work();
  const own = process.umask(userMask);
  try {
    return work();
  } finally {
    process.umask(own);
  }
}
