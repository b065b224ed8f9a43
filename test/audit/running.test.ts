/** The verifier against a running app: the anchors come from its log, the records from its storage. */
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startApp } from "../functions/support/running-app.ts";
import { run } from "./installation.ts";

const tenantId = "5b1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";

test("the running app's own log is the anchor of what it wrote", async () => {
  const app = await startApp();
  try {
    const body = { tenantId, displayName: "Contoso" };
    await app.call("POST", "/api/v1/tenants", { body });
    for (const displayName of ["One", "Two", "Three"])
      await app.call("PATCH", `/api/v1/tenants/${tenantId}`, { body: { displayName } });
    await app.call("GET", "/api/v1/tenants", { anonymous: true });
    const file = join(tmpdir(), `muster-anchors-${process.pid}.log`);
    writeFileSync(file, app.logged().join("\n"));
    const ended = await run(["--anchors", file], { AzureWebJobsStorage: app.connectionString });
    expect(ended).toMatchObject({ code: 0, complained: "" });
    expect(ended.said).toMatch(new RegExp(`^intact +${tenantId} .* anchors [1-9]`, "m"));
    expect(ended.said).toMatch(/^intact +platform .* anchors [1-9]/m);
  } finally {
    await app.stop();
  }
});

test("in Azure too the log has the anchors: the host leaves out what is not named", () => {
  const path = fileURLToPath(new URL("../../host.json", import.meta.url));
  const { logging } = JSON.parse(readFileSync(path, "utf8")) as {
    logging: { logLevel: Record<string, string> };
  };
  // What a worker writes to its standard output has this category (Azure/azure-functions-host).
  expect(logging.logLevel["Host.Function.Console"]).toBe("Information");
});
