/** A call that is never answered must not keep its caller for ever. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { passThrough } from "../../../shared/storage/interceptor.ts";
import { NoAnswer, withTimeout } from "../../../shared/storage/storage.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("gives up on a call after half a minute, and says which", async () => {
  const call = withTimeout(passThrough)("table.get Tenants", () => new Promise(() => undefined));
  const ended = call.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await ended).toBeInstanceOf(NoAnswer);
});

it("hands on what is answered in time, and leaves no timer behind", async () => {
  expect(await withTimeout(passThrough)("table.get Tenants", () => Promise.resolve(7))).toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});
