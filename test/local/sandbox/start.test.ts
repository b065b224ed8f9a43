/** Starting and stopping: what is kept between starts, and what happens when a port is taken. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { type Sandbox, startSandbox } from "../../../local/sandbox/sandbox.ts";
import { controlOf } from "./support.ts";

const home = mkdtempSync(join(tmpdir(), "sandbox-"));
afterAll(() => rmSync(home, { recursive: true }));

const kept = (sandbox: Sandbox): readonly string[] => [
  sandbox.clientSecret,
  readFileSync(sandbox.caFile, "utf8"),
  readFileSync(join(home, "signing-key.json"), "utf8"),
];

it("a later start keeps certificate, signing key, secret and tenants, and says what it forgets", async () => {
  const first = await startSandbox({ home });
  const tenant = { tenantId: "aaaaaaaa-0000-4000-8000-000000000001", displayName: "Contoso" };
  await fetch(`${first.url}/_sandbox/tenants`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(tenant),
  });
  const before = kept(first);
  await first.stop();
  const lines: string[] = [];
  const second = await startSandbox({ home, log: (line) => lines.push(line) });
  expect(kept(second)).toEqual(before);
  const tenants = await fetch(`${second.url}/_sandbox/tenants`);
  expect(await tenants.json()).toMatchObject({ value: [{ tenantId: tenant.tenantId }] });
  expect(lines.join("\n")).toContain("what was done to them, and the ledger, are not");
  await second.stop();
});

it("takes the ports it is told, and lets go of them", async () => {
  const first = await startSandbox({ home });
  const port = Number(new URL(first.url).port);
  const signInPort = Number(new URL(first.authorityUrl).port);
  await expect(startSandbox({ home, port })).rejects.toThrow("EADDRINUSE");
  await expect(startSandbox({ home, signInPort })).rejects.toThrow("sign-in");
  await first.stop();
  const second = await startSandbox({ home, port, signInPort });
  expect([second.url, second.authorityUrl]).toEqual([first.url, first.authorityUrl]);
  await second.stop();
});

it("tenants and their devices are there again after a restart, as they were", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sandbox-"));
  const [staying, removed] = [randomUUID(), randomUUID()];
  const run = async <T>(
    work: (control: ReturnType<typeof controlOf>) => Promise<T>,
  ): Promise<T> => {
    const sandbox = await startSandbox({ home: folder });
    try {
      return await work(controlOf(sandbox.url));
    } finally {
      await sandbox.stop();
    }
  };
  const look = async (control: ReturnType<typeof controlOf>) => [
    (await control("GET", "/tenants")).body,
    (await control("GET", `/tenants/${staying}/devices?top=500`)).body,
  ];
  const before = await run(async (control) => {
    for (const tenantId of [staying, removed])
      await control("POST", "/tenants", {
        tenantId,
        displayName: "Contoso",
        devices: 200,
        seed: 3,
      });
    await control("DELETE", `/tenants/${removed}`);
    await control("PATCH", `/tenants/${staying}`, {
      remove: 20,
      add: 7,
      touch: 11,
      roles: ["One"],
    });
    await control("PATCH", `/tenants/${staying}`, { add: 5, touch: 3 });
    return look(control);
  });
  expect(await run(look)).toEqual(before);
  expect(await run(look)).toEqual(before);
  expect(JSON.stringify(before)).toContain(staying);
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  rmSync(folder, { recursive: true });
});
