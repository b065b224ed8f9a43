import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpRequest } from "@azure/functions";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readyFunction } from "../../../functions/platform/ready.http.ts";
import { serveHttp } from "../../../functions/serve-http.ts";
import { buildServices } from "../../../functions/services.ts";
import { readSettings } from "../../../functions/settings.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { passThrough } from "../../../shared/storage/calls.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { adminToken } from "../support/tools.ts";

let folder: string;
let status = 200;
const asked: (string | undefined)[] = [];
const authority = createServer((request, response) => {
  asked.push(request.url);
  response.writeHead(status).end("{}");
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-ready-"));
  await new Promise<void>((resolve) => authority.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  authority.close();
  await rm(folder, { recursive: true });
});

/** What an app answers that was just started, with a clock that is so far off. */
async function ask(offMs = 0) {
  const settings = readSettings({
    AzureWebJobsStorage: storageConnectionString(),
    MUSTER_ADMIN_TOKEN: adminToken,
    MUSTER_GRAPH_URL: "https://graph.invalid",
    MUSTER_AUTHORITY_URL: `http://127.0.0.1:${(authority.address() as AddressInfo).port}`,
    MUSTER_CLIENT_ID: "app",
    MUSTER_CLIENT_SECRET: "secret",
    MUSTER_KEY_FILE: join(folder, "keys.json"),
  });
  const clock = { now: () => systemClock.now() + offMs };
  const services = await buildServices(settings, () => ({}), { clock, intercept: passThrough });
  const request = new HttpRequest({ method: "GET", url: "http://host/api/v1/ready" });
  const answer = await serveHttp(
    readyFunction,
    request,
    { invocationId: "i" },
    {
      services,
      log: () => undefined,
    },
  );
  return { status: answer.status, body: JSON.parse(answer.body as string) };
}

test("an app that all answer to is ready", async () => {
  expect(await ask()).toEqual({ status: 200, body: { status: "ready" } });
  expect(asked).toEqual(["/common/v2.0/.well-known/openid-configuration"]);
});

test("what is missing is named, and nothing more is said to anybody", async () => {
  status = 503;
  await writeFile(join(folder, "keys.json"), "none");
  const { status: answered, body } = await ask(3_600_000);
  expect(answered).toBe(503);
  expect(body).toMatchObject({ code: "not-ready", detail: "Not ready: key, sign-in, clock." });
});
