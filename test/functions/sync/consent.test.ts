// A sync that lacks permissions: exactly the missing ones, an administrator who consents or declines, going on without.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trust } from "../../local/sandbox/sign-in/person.ts";
import { type RunningApp, startApp } from "../support/running-app.ts";

/** A tenant for each case: an app's token keeps what it was given for as long as it is good. */
let tenantId = "";
let tenants = 0;
const types = ["namedLocation", "assignmentFilter"];
let app: RunningApp;
let home: string;

type Body = Readonly<Record<string, unknown>>;
const get = async (path: string): Promise<Body> =>
  (await app.call("GET", `/api/v1/tenants/${tenantId}${path}`)).body as Body;
const post = (path: string, body?: unknown) =>
  app.call("POST", `/api/v1/tenants/${tenantId}${path}`, body === undefined ? {} : { body });

async function until(syncId: string, is: (sync: Body) => boolean): Promise<Body> {
  for (let tries = 0; tries < 400; tries += 1) {
    const sync = await get(`/syncs/${syncId}`);
    if (is(sync)) return sync;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(JSON.stringify(await get(`/syncs/${syncId}`)));
}
const ends = (syncId: string) => until(syncId, ({ outcome }) => outcome !== undefined);

const withdrawn = [
  "DeviceManagementConfiguration.ReadWrite.All",
  "DeviceManagementConfiguration.Read.All",
];
const consent = (body: unknown) => app.sandbox("POST", `/tenants/${tenantId}/consent`, body);

/** Starts a sync in a tenant that has withdrawn some of its consent. */
async function waitsForConsent(): Promise<string> {
  tenants += 1;
  tenantId = `1111111${tenants}-2222-4333-8444-555555555555`;
  await app.makeFleet(tenantId, 2);
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
  await consent({ withdraw: withdrawn });
  const started = await post("/syncs", { types });
  const { syncId } = started.body as { syncId: string };
  await until(syncId, ({ waitsFor, outcome }) => (waitsFor ?? outcome) !== undefined);
  expect(await get("/sync-status")).toMatchObject({ status: "pendingAdminConsent" });
  return syncId;
}

/** An administrator answers the page, and their browser comes back. */
async function answerPage(syncId: string, answer: "accept" | "cancel") {
  const begun = (await post(`/syncs/${syncId}/consent`)).body as { url: string };
  const form = new URLSearchParams({ answer });
  const sent = await fetch(begun.url, { method: "POST", body: form, redirect: "manual" });
  const back = sent.headers.get("location") ?? "";
  expect(back).toContain(`${app.url}/api/v1/callbacks/consent`);
  return fetch(back);
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "consent-"));
  app = await startApp({ MUSTER_KEY_FILE: join(home, "keys.json") });
  trust(app.signInPlace);
}, 90_000);
afterAll(async () => {
  await app.stop();
  rmSync(home, { recursive: true });
});

describe("consent that was withdrawn", () => {
  it("is named permission by permission, and the sync goes on without the types that need it", async () => {
    const syncId = await waitsForConsent();
    const lacking = await get(`/syncs/${syncId}/consent`);
    expect(lacking, JSON.stringify(lacking)).toMatchObject({ complete: false, canBegin: true });
    const permissions = lacking["permissions"] as { name: string; types: string[] }[];
    expect(permissions.map(({ name }) => name).toSorted()).toEqual(withdrawn.toSorted());
    for (const each of permissions) expect(each.types).toEqual(["assignmentFilter"]);
    const checked = (await post(`/syncs/${syncId}/consent/check`)).body;
    expect(checked, "nothing has changed").toMatchObject({ complete: false });
    expect((await post(`/syncs/${syncId}/consent/continue-without`)).status).toBe(202);
    const ended = await ends(syncId);
    expect(ended, JSON.stringify(ended)).toMatchObject({
      outcome: "partial",
      skipped: [expect.objectContaining({ type: "assignmentFilter", reason: "consentMissing" })],
    });
  }, 60_000);

  it("and given again lets the sync go on by itself, once", async () => {
    const syncId = await waitsForConsent();
    const page = await answerPage(syncId, "accept");
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("Thank you")]);
    expect(await ends(syncId)).toMatchObject({ outcome: "succeeded", skipped: [] });
    expect((await fetch(page.url)).status, "the state is used up").toBe(404);
  }, 60_000);

  it("and given elsewhere is found when somebody asks to look", async () => {
    const syncId = await waitsForConsent();
    await consent({ grant: withdrawn });
    const checked = (await post(`/syncs/${syncId}/consent/check`)).body;
    expect(checked).toMatchObject({ complete: true, permissions: [] });
    expect(await ends(syncId)).toMatchObject({ outcome: "succeeded" });
  }, 60_000);

  it("and declined is an error that says so", async () => {
    const syncId = await waitsForConsent();
    const page = await answerPage(syncId, "cancel");
    expect(page.status).toBe(400);
    expect(await ends(syncId)).toMatchObject({ outcome: "failed" });
    expect(await get("/sync-status")).toMatchObject({ status: "newError" });
    expect(await get(`/syncs/${syncId}/error`)).toMatchObject({
      code: "consent-declined",
      cause: expect.stringContaining("AADSTS65004"),
    });
  }, 60_000);
});
