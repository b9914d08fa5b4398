import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PausableTimer } from "../../../src/tools/mcp/pausable-timer.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a time limit that can stand still", () => {
  it("counts the time outside of pauses, which may overlap", () => {
    const end = vi.fn();
    const timer = new PausableTimer(100, end);
    vi.advanceTimersByTime(60);
    const [one, other] = [timer.pause(), timer.pause()];
    vi.advanceTimersByTime(1_000);
    one();
    vi.advanceTimersByTime(1_000);
    other();
    vi.advanceTimersByTime(39);
    expect(end).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(end).toHaveBeenCalledOnce();
  });

  it("leaves nothing behind when a pause ends after it", () => {
    const timer = new PausableTimer(100, () => undefined);
    const resume = timer.pause();
    timer.end();
    resume();
    expect(vi.getTimerCount()).toBe(0);
  });
});
