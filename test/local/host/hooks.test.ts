/** Hooks of the app around invocations, in a worker of a running host. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { storageConnectionString } from "../../support/azurite.ts";
import { type HostedApp, hostApp, unique } from "./hosted-app.ts";

let app: HostedApp;
beforeAll(async () => {
  const env = { In: unique("in"), Out: unique("out"), Other: storageConnectionString() };
  app = await hostApp("hooks", { env });
});
afterAll(() => app[Symbol.asyncDispose]());

const answer = async (name: string): Promise<[number, string]> => {
  const response = await app.fetch(`/api/${name}`);
  return [response.status, await response.text()];
};

describe("hooks", () => {
  test.each([
    ["replaced", 200, "replaced by a hook"],
    ["swallowed", 200, "swallowed by a hook"],
    ["refused", 500, ""],
    ["spoiled", 500, ""],
  ])("decide how %s ends", async (name, status, body) => {
    expect(await answer(name)).toEqual([status, body]);
  });

  test("after an invocation share data with those before, and are left out when one of those threw", async () => {
    const [, text] = await answer("seen");
    const seen = JSON.parse(text) as { functionName: string }[];
    expect(seen).toContainEqual({ functionName: "swallowed", from: "pre", failed: true });
    expect(seen.some(({ functionName }) => functionName === "refused")).toBe(false);
  });

  test("rewrite what the app logs, and a log after the end is warned of", async () => {
    const [, text] = await answer("logs");
    expect(JSON.parse(text)).toHaveProperty(
      "trace",
      expect.stringMatching(/^00-\w{32}-\w{16}-00$/),
    );
    await vi.waitFor(() => {
      expect(app.logs).toContainEqual(
        expect.objectContaining({
          level: "warning",
          message: "[hooked] careful",
          functionName: "logs",
        }),
      );
      expect(app.logs).toContainEqual(
        expect.objectContaining({
          category: "system",
          message: expect.stringContaining("after function execution has completed"),
        }),
      );
    });
  });
});

test("the core is there for require only, knows its hooks, and closes registration", async () => {
  const [, text] = await answer("core");
  expect(JSON.parse(text)).toEqual({
    imported: { name: "Error", code: "ERR_MODULE_NOT_FOUND" },
    unknownHook: { name: "RangeError", isSystem: true },
    lateFunction: { name: "Error" },
    lateSetup: expect.objectContaining({ isSystem: true }),
    model: "@azure/functions",
  });
});

test("a timer with a retry policy is tried again, and told so", async () => {
  const init = {
    method: "POST",
    headers: { "x-functions-key": app.host.keys.masterKey },
    body: "{}",
  };
  expect((await app.fetch("/admin/functions/retried", init)).status).toBe(202);
  const tries = await vi.waitFor(async () => {
    const seen = JSON.parse((await answer("tries"))[1]) as unknown[];
    expect(seen).toHaveLength(3);
    return seen;
  });
  expect(tries).toMatchObject([
    { retry: { retryCount: 0, maxRetryCount: 2 }, isPastDue: false },
    { retry: { retryCount: 1, exception: { message: "try 1" } } },
    { retry: { retryCount: 2, exception: { message: "try 2" } } },
  ]);
});
