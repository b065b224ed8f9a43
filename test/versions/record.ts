/**
 * Records rows and messages of this version, for the test of later ones: `node scripts/run.mjs test/versions/record.ts`, into another folder
 * where one is named. Every operation is called as its example has it, nothing is removed, and the app is stopped while work is under way.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { QueueServiceClient } from "@azure/storage-queue";
import { save } from "../../backup/save.ts";
import { startAzurite } from "../../local/start/azurite.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { type Found, known, tenantId } from "../functions/support/examples.ts";
import { startApp } from "../functions/support/running-app.ts";
import { rules, tasks, template } from "../functions/support/sync-bodies.ts";
import { walk } from "./walk.ts";

const kept = resolve(process.argv[2] ?? join(import.meta.dirname, "kept"));
rmSync(kept, { recursive: true, force: true });
mkdirSync(kept);

const azurite = await startAzurite({});
const app = await startApp({
  AzureWebJobsStorage: azurite.connectionString,
  MUSTER_KEY_FILE: join(kept, "keys.json"),
  MUSTER_CONFIRM_AFTER_SECONDS: "2",
});

// Messages of each queue, one of each form, as they lie there for a moment.
const service = QueueServiceClient.fromConnectionString(azurite.connectionString);
const seen = new Map<string, string>();
const unknown = JSON.stringify({ v: 1, of: "no version" });
const note = (queue: string, text: string): void => {
  const message = Buffer.from(text, "base64").toString("utf8");
  if (message === unknown) return;
  const form = `${queue} ${Object.keys(JSON.parse(message) as object)
    .toSorted()
    .join()}`;
  if (!seen.has(form)) seen.set(form, JSON.stringify({ queue, message }));
};
const peek = async (queue: string): Promise<void> => {
  const answer = await service
    .getQueueClient(queue)
    .peekMessages({ numberOfMessages: 32 })
    .catch(() => undefined);
  for (const { messageText } of answer?.peekedMessageItems ?? []) note(queue, messageText);
};
const over = new AbortController();
const watching = Promise.all(
  Object.values(queueNames).map(async (queue) => {
    while (!over.signal.aborted) {
      await peek(queue);
      await sleep(15);
    }
  }),
);

const found: Found = new Map(Object.entries(known));
await app.makeFleet(tenantId, 20);
const ends = /-(remove|discard|cancel|deregister|reset)$|^audit-/;
await walk(app, found, (id) => !ends.test(id));
for (const timer of ["tasks-timer", "sync-timer"]) await app.runTimer(timer);
const tenants = "/api/v1/tenants";
const tenant = `${tenants}/${tenantId}`;
async function post(path: string, body: unknown, headers = {}) {
  const answer = await app.call("POST", path, { body, headers });
  if (answer.status >= 400) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  return answer;
}
const other = "8d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
await post(tenants, { tenantId: other, displayName: "Gone" });
await app.call("DELETE", `${tenants}/${other}`);
// A message that nobody can read, an answer that is kept for its key, a task whose time is to come.
await app.putMessage(queueNames.webhooksDeliver, Buffer.from(unknown).toString("base64"));
await post(`${tenant}/tasks`, tasks[1], { "idempotency-key": "kept-1" });
// A run that does what nobody may do twice, and so holds its devices, for an hour.
const once = { id: "restart", name: "Restart", type: "restart" };
const wait = { id: "wait", name: "Wait", type: "wait", parameters: { duration: "PT1H" } };
const long = { ...template, sections: [{ id: "systemConfiguration", actions: [once, wait] }] };
const { templateId } = (await post("/api/v1/templates", long)).body as { templateId?: string };
const run = { templateId, targets: { rules: [rules[0]] }, windows: { ignored: true } };
await post(`${tenant}/provisioning-runs`, run);
/** It cannot be asked for before the sync waits for it. */
async function askForCode(path: string): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    if ((await app.call("POST", `${path}/new-code`)).status < 300) return;
    await sleep(200);
  }
}
// Syncs elsewhere: one is paused, one waits for somebody to sign in, one is longer than a pass.
const ids = { resting: "2", unseen: "3", slow: "4" };
for (const [name, nth] of Object.entries(ids)) {
  const id = `8d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b0${nth}`;
  await app.makeFleet(id, 3);
  await post(tenants, { tenantId: id, displayName: name });
  const body = name === "resting" ? { paused: true } : { pace: {} };
  await app.call("PATCH", `${tenants}/${id}`, { body });
  if (name === "slow") await app.sandbox("PUT", "/behaviour", { tenantId: id, latencyMs: 6_000 });
  const types = name === "unseen" ? { types: ["termsOfUse"] } : {};
  const begun = await post(`${tenants}/${id}/syncs`, { mode: "exportOnly", ...types });
  if (name === "unseen") await askForCode(`${begun.headers.get("location")}/authentication`);
}
// Those that are cancelled before anything of them is planned, until somebody has seen it; and one that goes on.
const many = { action: "endpointProtectionFullScan", target: { kind: "tenant" } };
const isSeen = (queue: string) => [...seen.keys()].some((form) => form.startsWith(`${queue} `));
for (let tries = 0; tries < 20 && !isSeen(queueNames.fanoutClose); tries += 1) {
  const cancelled = await post(`${tenant}/notifications`, many);
  await post(`${cancelled.headers.get("location")}/cancel`, undefined);
}
const body = { action: "restart", target: { kind: "tenant" }, expiresAfter: "P7D" };
const sent = await post(`${tenant}/notifications`, body);
found.set("notificationId", (sent.headers.get("location") ?? "").split("/").at(-1) ?? "");
const answers = await walk(
  app,
  found,
  (id, method) => method === "GET" && !id.startsWith("callbacks"),
);
// What is late comes within the time of two passes.
const everything = Date.now() + 30_000;
while (Date.now() < everything && !Object.values(queueNames).every(isSeen)) await sleep(100);
over.abort();
await watching;
await app.stop();
// What comes later than now is visible then.
await sleep(5_000);
for (const queue of Object.values(queueNames)) await peek(queue);
const place = { kind: "connectionString", value: azurite.connectionString } as const;
await save(place, join(kept, "rows"), "0.1.0", (line) => console.log(line));
await azurite.stop();
writeFileSync(join(kept, "messages.jsonl"), `${[...seen.values()].toSorted().join("\n")}\n`);
const told = { found: Object.fromEntries(found), answers };
writeFileSync(join(kept, "answers.json"), `${JSON.stringify(told, null, 2)}\n`);
