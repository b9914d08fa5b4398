const mebibyte = 1024 ** 2;

/** What the processes of one call may use. */
export const limits = {
  /** Memory of all of them, where there is a control group; data of each one everywhere. */
  memoryBytes: 4096 * mebibyte,
  /** Largest file that can be written. */
  fileBytes: 2048 * mebibyte,
  /** In each of the file systems that live in memory: /tmp, /dev/shm, home … */
  memoryFileBytes: 512 * mebibyte,
  processes: 512,
  openFiles: 4096,
  /** How much they stand back behind the server for the processor, 0 to 19. */
  niceness: 10,
} as const;
