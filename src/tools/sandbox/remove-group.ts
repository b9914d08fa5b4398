import { rmdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "../../core/error-code.js";

/** Removes a control group, which the kernel allows a moment after its last process has ended. Never throws. */
export async function removeGroup(path: string): Promise<void> {
  for (let attempt = 0; attempt < 50 && !isRemoved(path); attempt += 1) await delay(attempt);
}

function isRemoved(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return errorCode(error) !== "EBUSY";
  }
}
