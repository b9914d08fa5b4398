const mebibyte = 1024 ** 2;

/** What the processes of one call may use. */
export const limits = {
  /** Memory of all of them, where there is a control group; data of each one everywhere. */
  memoryBytes: 4096 * mebibyte,
  /** Largest file that can be written. */
  fileBytes: 2048 * mebibyte,
  /** In each of the file systems that live in memory: /tmp, /dev/shm, home … */
  memoryFileBytes: 512 * mebibyte,
  /** Files and directories made, in the working directory and on each of the file systems in memory. */
  newFiles: 500_000,
  /** Of the working directory's file system this is kept free, or this share of it, whichever is less. */
  keptBytes: 1024 * mebibyte,
  keptShare: 0.05,
  /** Milliseconds between two looks at that. */
  watchMs: 1_000,
  processes: 512,
  openFiles: 4096,
  /** Seconds that one process may compute: a backstop, for a call has a time limit of its own. */
  cpuSeconds: 4 * 3600,
  /** How much they stand back behind the server for the processor, 0 to 19. */
  niceness: 10,
  /** Share of the processor of one call, where the server has 100: control groups of version 2. */
  callWeight: 10,
  /** Share of the processor of all calls together, where each thread of the server has 1024: version 1. */
  toolShares: 1024,
} as const;
