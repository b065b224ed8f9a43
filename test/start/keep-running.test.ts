import { expect, test } from "vitest";
import { keepRunning, type Part } from "../../local/start/keep-running.ts";

/** Parts that end when told, and remember which one they followed. */
function parts() {
  const made: (Part & { readonly end: () => void; readonly previous: number | undefined })[] = [];
  const start = async (previous?: Part): Promise<Part> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = async (): Promise<void> => resolve();
    const index = made.findIndex((part) => part === previous);
    const part = { ended: promise, stop, end: resolve, previous: index < 0 ? undefined : index };
    made.push(part);
    return part;
  };
  return { made, start };
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a part that ends by itself is started again, knowing what ran before", async () => {
  const { made, start } = parts();
  const { stop } = await keepRunning(start, (cause) => expect.unreachable(cause.message));
  made[0]?.end();
  await soon();
  expect(made.map(({ previous }) => previous)).toEqual([undefined, 0]);
  await stop();
});

test("a part that was told to stop stays stopped", async () => {
  const { made, start } = parts();
  const { stop } = await keepRunning(start, (cause) => expect.unreachable(cause.message));
  await stop();
  await soon();
  expect(made).toHaveLength(1);
});

test("a part that keeps ending at once is given up", async () => {
  const { made, start } = parts();
  const lost = Promise.withResolvers<Error>();
  const { stop } = await keepRunning(start, lost.resolve);
  for (let round = 0; round < 3; round += 1) {
    made.at(-1)?.end();
    await soon();
  }
  expect((await lost.promise).message).toContain("3 times");
  await stop();
});

test("a part that cannot be started again is given up", async () => {
  const { made, start } = parts();
  const lost = Promise.withResolvers<Error>();
  const once = (previous?: Part): Promise<Part> =>
    previous ? Promise.reject(new Error("no disk")) : start();
  await keepRunning(once, lost.resolve);
  made[0]?.end();
  expect((await lost.promise).message).toBe("no disk");
});
