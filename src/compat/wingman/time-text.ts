import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampMs } from "@bufbuild/protobuf/wkt";

/** A time as Wingman spells it: RFC 3339, UTC, whole seconds. Empty where there is none. */
export function toTimeText(time: Timestamp | undefined): string {
  return time ? new Date(timestampMs(time)).toISOString().replace(/\.\d+Z$/, "Z") : "";
}

/** A time in full, to compare. */
export const timestampNanos = (time: Timestamp | undefined): string =>
  time ? `${time.seconds}.${String(time.nanos).padStart(9, "0")}` : "";
