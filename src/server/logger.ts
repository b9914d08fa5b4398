import type { DestinationStream, Logger as PinoLogger } from "pino";
import { destination, pino } from "pino";
import type { Redactor } from "../core/secrets.js";

/** A structured log: `log.info({ request_id }, "message")`, one JSON object a line. */
export type Logger = PinoLogger;

/** From which severity on something is logged. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Characters that JSON allows unescaped and that some readers of lines, or terminals, act upon. */
const unsafe = /[\u007f-\u009f\u2028\u2029]/g;

/**
 * Makes the log, which goes to standard error unless told otherwise. Every line passes the redactor. Headers
 * and query values are never given to it.
 */
export function createLogger(options: {
  level: LogLevel;
  redactor?: Redactor;
  destination?: DestinationStream;
}): Logger {
  const { level, redactor } = options;
  const escapeUnsafe = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return pino(
    {
      level,
      base: {},
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) => (redactor ? redactor.redact(line) : line).replace(unsafe, escapeUnsafe),
      },
    },
    options.destination ?? destination({ fd: 2, sync: true }),
  );
}
