/** A running host whose worker is lost: what waits, what is told, what comes again. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { hostApp, sendMessages } from "./hosted-app.ts";

const within = { timeout: 8_000, interval: 25 };

test.concurrent("functions are back as soon as a worker starts, and requests wait for them", async () => {
  const workers: number[] = [];
  const begun = Date.now();
  await using app = await hostApp("plain", { onWorker: (pid) => void workers.push(pid) });
  const first = Number(await (await app.fetch("/api/pid")).text());
  const startMs = Date.now() - begun;
  expect(app.host.workerPid()).toBe(first);
  process.kill(first, "SIGKILL");
  await vi.waitFor(() => expect(app.host.workerPid()).toBeUndefined(), within);
  const started = Date.now();
  const second = Number(await (await app.fetch("/api/pid")).text());
  // A worker that has run for a while is started again without a pause: in about the time of the first start.
  expect(Date.now() - started).toBeLessThan(startMs + 1_000);
  expect(workers).toEqual([first, second]);
});

test.concurrent("a request in flight is told that its worker is gone", async () => {
  await using app = await hostApp("plain");
  const response = await app.fetch("/api/die");
  expect(response.status).toBe(502);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
});

test.concurrent("a message whose worker died comes again at once, counted", async () => {
  await using app = await hostApp("plain");
  await sendMessages(app.queue, [{ dieOnce: true }]);
  await vi.waitFor(async () => expect(await app.notes("worked")).toHaveLength(1), within);
  const counts = (await app.notes("work")).map(
    (note) => (note["triggerMetadata"] as { dequeueCount: number }).dequeueCount,
  );
  expect(counts).toEqual([1, 2]);
});

test.concurrent("a function that runs too long takes its worker with it", async () => {
  const env = { AzureFunctionsJobHost__functionTimeout: "00:00:00.300" };
  await using app = await hostApp("plain", { env });
  const bystander = app.fetch("/api/slow?ms=5000");
  await sleep(100);
  const before = app.host.workerPid();
  expect((await app.fetch("/api/slow?ms=5000")).status).toBe(502);
  expect((await bystander).status).toBe(502);
  expect(Number(await (await app.fetch("/api/pid")).text())).not.toBe(before);
  expect(app.logs.some(({ message }) => message.includes("slow ran longer than 300 ms"))).toBe(
    true,
  );
});

test.concurrent("a worker that crashes right after loading is started again, ever more slowly", async () => {
  const starts: number[] = [];
  await using app = await hostApp("broken", {
    env: { BREAK: "late-crash" },
    onWorker: () => void starts.push(Date.now()),
  });
  await vi.waitFor(() => expect(starts.length).toBeGreaterThan(4), within);
  const last = (starts[4] ?? 0) - (starts[3] ?? 0);
  expect(last).toBeGreaterThan(500);
  expect(app.host.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});
