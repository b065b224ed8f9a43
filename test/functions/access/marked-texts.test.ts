/** A marked text in every text of every body, taken and refused: where it is found again is a list, and nowhere else. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operations } from "../../../functions/functions.ts";
import { type Azurite, startAzurite } from "../../../local/start/azurite.ts";
import type { AuditEvent } from "../../../shared/access/audit/records.ts";
import { fullBodies, type TextPlace, textsIn, withTexts } from "../support/full-bodies.ts";
import { anyIds } from "./changes.ts";
import { adminToken, type Door, openDoor } from "./door.ts";

/** Texts that the trail keeps: what a thing is called, and what people write about it for others. */
const kept: Readonly<Record<string, readonly string[]>> = {
  "configuration-edit": ["/message"],
  "configuration-rules-replace": ["/message", "/deviations/reason"],
  "configuration-import": ["/message"],
  "baselines-add": ["/name", "/description", "/message"],
  "baselines-replace": ["/name", "/description", "/message"],
  "sync-settings-change": ["/breakGlassGroups", "/deletes", "/nightly/timeZone", "/types"],
  "group-tags-replace": ["/tags"],
  "partner-group-tags-replace": ["/lists/name", "/lists/tags"],
  "autopilot-devices-change": ["/groupTag"],
  "tasks-add": ["/displayName", "/schedule/rule", "/schedule/timeZone"],
  "tasks-replace": ["/displayName", "/schedule/rule", "/schedule/timeZone"],
  "calendars-replace": ["/displayName"],
  "windows-replace": [
    "/windows/displayName",
    "/windows/opens/rule",
    "/windows/opens/timeZone",
    "/exclusions/displayName",
  ],
  "tasks-schedule": ["/schedule/rule", "/schedule/timeZone"],
  "templates-add": ["/name", "/description", "/message"],
  "templates-schedule": ["/displayName"],
  "templates-replace": ["/name", "/description", "/message"],
  "tenants-add": ["/displayName"],
  "tenants-change": ["/displayName", "/pauseReason"],
  "collections-add": ["/name", "/description", "/rule/value"],
  "collections-replace": ["/name", "/description", "/rule/value"],
  "notifications-send": ["/action", "/note", "/target/collectionId", "/target/rule/value"],
  "notifications-retry": ["/note"],
  "provisioning-runs-start": ["/targets/collectionIds", "/templateId"],
  "approvals-approve": ["/comment"],
  "approvals-reject": ["/comment"],
  "approval-rules-replace": ["/rules/actions"],
  "webhooks-add": ["/description"],
  "webhooks-change": ["/description"],
  "roles-add": ["/name", "/description"],
  "roles-replace": ["/name", "/description"],
  "assignments-add": ["/note", "/roleId", "/scope/collections/collectionId"],
  "assignments-replace": ["/note", "/roleId", "/scope/collections/collectionId"],
};
const general = (pointer: string): string => pointer.replaceAll(/\/(\d+|and|or|not)(?=\/|$)/g, "");

let azurite: Azurite;
let door: Door;
let tenantId: string;
beforeAll(async () => {
  azurite = await startAzurite({});
  door = await openDoor({ connectionString: azurite.connectionString });
  tenantId = await door.fleet(3);
});
afterAll(async () => {
  await door.stop();
  await azurite.stop();
});

type Mark = { readonly id: string; readonly place: string; readonly mark: string };
const marks: Mark[] = [];
const statuses: number[] = [];

/** A text that stands in nothing else, of characters that every text may have. */
function marked(id: string, place: string): string {
  const mark = `Zq${marks.length}x${randomUUID().slice(0, 8)}zQ`;
  marks.push({ id, place, mark });
  return mark;
}

/** The marks that stand in a text: asked one by one, thousands of them took half a minute in a trail of megabytes. */
function marksIn(text: string): Mark[] {
  const found = new Set(text.match(/Zq\d+x[\da-f]{8}zQ/g));
  return marks.filter(({ mark }) => found.has(mark));
}

const takeBodies = operations.filter(({ body }) => body !== undefined);

test.each(takeBodies)(
  "$name is called with a mark in every text of its bodies, by who may and who may not",
  async ({ name, path }) => {
    const params = Object.fromEntries(
      Array.from(path.matchAll(/\{(\w+)\}/g), ([, each = ""]) => [
        each,
        each === "tenantId" ? tenantId : (anyIds.get(each) ?? "x"),
      ]),
    );
    const before = statuses.length;
    const analyst = await door.holder("readOnlyAnalyst", { kind: "everything" });
    const none = await door.holder("partner", { kind: "tenants", tenantIds: [randomUUID()] });
    for (const token of [adminToken, analyst.token, none.token, undefined])
      for (const whole of fullBodies[name] ?? []) {
        const mark = ({ pointer }: TextPlace) => marked(name, general(pointer));
        const all = textsIn(whole);
        // Alone, where each may be taken; for the others, who are refused, all at once.
        const bodies =
          token === adminToken
            ? all.map((place) => withTexts(whole, [place], mark))
            : [withTexts(whole, all, mark)];
        for (const body of bodies) {
          // As it is, and with a fault beside it.
          for (const each of [
            body as object,
            { ...(body as object), unknown: marked(name, "/unknown") },
          ])
            statuses.push((await door.call(name, { token, params, body: each })).status);
        }
        const secret = marked(name, "/parameters");
        const parameters = { [secret]: secret, query: secret };
        if (name === "notifications-send")
          for (const action of ["startCMPivot", "runScript", "restart"])
            await door.call(name, {
              token,
              params,
              body: { ...(whole as object), action, parameters },
            });
      }
    // Nobody answers for Graph here, which is said as 503.
    const broken = statuses.slice(before).filter((status) => status >= 500 && status !== 503);
    expect(broken).toEqual([]);
  },
  60_000,
);

/** Everything that the trails hold. */
async function everyEvent(): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  let query: string | undefined = "?trails=all&top=1000";
  while (query !== undefined) {
    const { body } = await door.call("audit-list", { token: adminToken, query });
    events.push(...(body["value"] as AuditEvent[]));
    const next = body["nextLink"] as string | undefined;
    query = next === undefined ? undefined : new URL(next).search;
  }
  return events;
}

const places = (some: readonly Mark[]) =>
  [...new Set(some.map(({ id, place }) => `${id} ${place}`))].toSorted();

test("the trail holds the marks of the list, and no other", async () => {
  expect(new Set(statuses).size).toBeGreaterThan(3);
  const found = marksIn(JSON.stringify(await everyEvent()));
  const listed = Object.entries(kept).flatMap(([id, of]) => of.map((place) => `${id} ${place}`));
  expect(places(found).filter((place) => !listed.includes(place))).toEqual([]);
  // A list that allows what nobody needs would hide the next leak.
  expect(listed.filter((place) => !places(found).includes(place))).toEqual([]);
});

test("the log and the messages hold no mark at all", async () => {
  const messages: string[] = [];
  for (let next = await door.queues.take(); next !== undefined; next = await door.queues.take())
    messages.push(JSON.stringify(next));
  expect([door.logged.length > 100, messages.length > 0]).toEqual([true, true]);
  expect(marksIn([...door.logged, ...messages].join("\n"))).toEqual([]);
});
