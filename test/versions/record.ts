/**
 * Records rows and messages of this version, for the test of later ones: `node scripts/run.mjs test/versions/record.ts`. Every operation is
 * called as its example has it, nothing is removed, and the app is stopped while work is under way.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { QueueServiceClient } from "@azure/storage-queue";
import { save } from "../../backup/save.ts";
import { startAzurite } from "../../local/start/azurite.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { type Found, known, tenantId } from "../functions/support/examples.ts";
import { startApp } from "../functions/support/running-app.ts";
import { walk } from "./walk.ts";

const kept = join(import.meta.dirname, "kept");
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
const note = (queue: string, text: string): void => {
  const message = Buffer.from(text, "base64").toString("utf8");
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
const other = "8d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
await app.call("POST", "/api/v1/tenants", { body: { tenantId: other, displayName: "Gone" } });
await app.call("DELETE", `/api/v1/tenants/${other}`);
// One that is cancelled before anything of it is planned, and one that goes on.
const many = { action: "endpointProtectionFullScan", target: { kind: "tenant" } };
const cancelled = await app.call("POST", `/api/v1/tenants/${tenantId}/notifications`, {
  body: many,
});
await app.call("POST", `${cancelled.headers.get("location")}/cancel`);
const body = { action: "restart", target: { kind: "tenant" }, expiresAfter: "P7D" };
const sent = await app.call("POST", `/api/v1/tenants/${tenantId}/notifications`, { body });
found.set("notificationId", (sent.headers.get("location") ?? "").split("/").at(-1) ?? "");
const answers = await walk(
  app,
  found,
  (id, method) => method === "GET" && !id.startsWith("callbacks"),
);
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
