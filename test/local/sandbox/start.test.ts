/** Starting and stopping: what is kept between starts, and what happens when a port is taken. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { type Sandbox, startSandbox } from "../../../local/sandbox/sandbox.ts";

const home = mkdtempSync(join(tmpdir(), "sandbox-"));
afterAll(() => rmSync(home, { recursive: true }));

const kept = (sandbox: Sandbox): readonly string[] => [
  sandbox.clientSecret,
  readFileSync(sandbox.caFile, "utf8"),
  readFileSync(join(home, "signing-key.json"), "utf8"),
];

it("a later start keeps certificate, signing key and secret, and forgets the tenants", async () => {
  const first = await startSandbox({ home });
  const tenant = { tenantId: "aaaaaaaa-0000-4000-8000-000000000001", displayName: "Contoso" };
  await fetch(`${first.url}/_sandbox/tenants`, { method: "POST", body: JSON.stringify(tenant) });
  const before = kept(first);
  await first.stop();
  const lines: string[] = [];
  const second = await startSandbox({ home, log: (line) => lines.push(line) });
  expect(kept(second)).toEqual(before);
  const tenants = await fetch(`${second.url}/_sandbox/tenants`);
  expect(await tenants.json()).toEqual({ value: [] });
  expect(lines.join("\n")).toContain("in memory");
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
