import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../local/start/home-lock.ts";
import type { Ready } from "../../local/start/ready.ts";
import { type Launch, launchMuster, makeHome, readReady } from "../support/start-muster.ts";

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const until = async (holds: () => boolean, withinMs: number): Promise<void> =>
  expect.poll(holds, { interval: 20, timeout: withinMs }).toBe(true);

const health = (home: string): Promise<number> =>
  fetch(`${readReady(home).url}/api/v1/health`).then(
    ({ status }) => status,
    () => 0,
  );

const tenantId = "5f0c8d1e-58a7-4b0c-9d1f-0f6d6a3d1c11";

async function addTenant({ url, adminToken }: Ready): Promise<void> {
  const answer = await fetch(`${url}/api/v1/tenants`, {
    method: "POST",
    headers: { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ tenantId, displayName: "Kept" }),
  });
  expect(answer.status).toBe(201);
}

describe("a running Muster", () => {
  const home = makeHome();
  let muster: Launch;
  let port = 0;
  let firstToken = "";
  beforeAll(async () => {
    port = await freePort();
    muster = launchMuster(home, { PORT: String(port) });
    await muster.ready;
    firstToken = readReady(home).adminToken;
  });
  afterAll(async () => {
    muster.signal("SIGKILL");
    await muster.exit;
    rmSync(home, { recursive: true, force: true });
  });

  test("it prints its address, the console's, and how to sign in, each in a line", () => {
    expect(muster.printed()).toBe(
      `Muster is ready at http://127.0.0.1:${port}\nThe console: http://127.0.0.1:${port}/console/\nSign in as one of its users: MUSTER_HOME='${home}' npm run muster -- sign-in\n`,
    );
  });

  test("ready.json names addresses, token and living processes", () => {
    const ready = readReady(home);
    expect(ready.url).toBe(`http://127.0.0.1:${port}`);
    expect(ready.sandboxUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(ready.adminToken).toMatch(/^[\w-]{43}$/);
    expect([ready.pid, ready.hostPid].map(lives)).toEqual([true, true]);
  });

  test.skipIf(process.platform === "win32")("only its owner can read ready.json", () => {
    expect(statSync(join(home, "ready.json")).mode & 0o777).toBe(0o600);
  });

  test("it answers with its own functions, and the token opens them", async () => {
    const { url, adminToken } = readReady(home);
    expect(await health(home)).toBe(200);
    const tenants = `${url}/api/v1/tenants`;
    const headers = { Authorization: `Bearer ${adminToken}` };
    expect((await fetch(tenants)).status).toBe(401);
    expect((await fetch(tenants, { headers })).status).toBe(200);
  });

  test("a second one in the same home is refused by name", async () => {
    const second = launchMuster(home);
    expect(await second.exit).toBe(1);
    expect(second.printed()).toMatch(/^Another Muster \(process \d+\) is running in .*\n$/);
    expect(await health(home)).toBe(200);
  });

  test("killed functions are back within 2 s, under another process", async () => {
    const before = readReady(home).hostPid;
    process.kill(before, "SIGKILL");
    await until(() => readReady(home).hostPid !== before, 2_000);
    await expect.poll(() => health(home), { interval: 20, timeout: 2_000 }).toBe(200);
  });

  test("SIGTERM drains and exits with 0, and nothing is left running", async () => {
    const { pid, hostPid, sandboxUrl } = readReady(home);
    await addTenant(readReady(home));
    muster.signal("SIGTERM");
    expect(await muster.exit).toBe(0);
    expect([pid, hostPid].map(lives)).toEqual([false, false]);
    await expect(fetch(sandboxUrl)).rejects.toThrow("fetch failed");
    expect(existsSync(join(home, "ready.json"))).toBe(false);
  });

  test("started again it knows what it stored, and takes the same token", async () => {
    const again = launchMuster(home);
    await again.ready;
    const { url } = readReady(home);
    const headers = { Authorization: `Bearer ${firstToken}` };
    const answer = await fetch(`${url}/api/v1/tenants/${tenantId}`, { headers });
    expect(await answer.json()).toMatchObject({ tenantId, displayName: "Kept" });
    again.signal("SIGKILL");
    await again.exit;
  });
});

describe("a Muster that ends badly", () => {
  let home = "";
  beforeEach(() => {
    home = makeHome();
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  test("a taken port is one line and exit code 1", async () => {
    const port = await freePort();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, "127.0.0.1", resolve));
    const muster = launchMuster(home, { PORT: String(port) });
    expect(await muster.exit).toBe(1);
    expect(muster.printed()).toBe(
      `Port ${port} is taken: set PORT to another one, or to 0 for any free one.\n`,
    );
    squatter.close();
  });

  test("every wrong setting is named, and the exit code is 1", async () => {
    const wrong = { MUSTER_CLAIM_SECONDS: "never", MUSTER_CONFIRM_AFTER_SECONDS: "-1" };
    const muster = launchMuster(home, wrong);
    expect(await muster.exit).toBe(1);
    for (const name of Object.keys(wrong)) expect(muster.printed()).toContain(`${name}: `);
    expect(muster.printed()).not.toContain("is ready at");
  });

  // Ctrl-C, a service manager that ends the whole group, and a terminal that is closed.
  test.skipIf(process.platform === "win32").each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s to every process of the group ends it in good order",
    async (signal) => {
      const muster = launchMuster(home);
      await muster.ready;
      muster.signalGroup(signal);
      expect(await muster.exit).toBe(0);
      // A worker that dies of the signal itself is reported as lost.
      expect(muster.printed()).toMatch(/^Muster is ready at \S+\nThe console: \S+\nSign in .*\n$/);
      expect(readFileSync(join(home, "logs", "functions.log"), "utf8")).not.toContain(
        "worker process ended",
      );
    },
  );

  test("killed outright it takes its children with it, and its home is free again", async () => {
    const muster = launchMuster(home);
    await muster.ready;
    const { hostPid, sandboxUrl } = readReady(home);
    muster.signal("SIGKILL");
    await until(() => !lives(hostPid), 3_000);
    await expect
      .poll(
        () =>
          fetch(sandboxUrl).then(
            () => true,
            () => false,
          ),
        { timeout: 3_000 },
      )
      .toBe(false);
    const again = launchMuster(home);
    await again.ready;
    again.signal("SIGTERM");
    expect(await again.exit).toBe(0);
  });
});
