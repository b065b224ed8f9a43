/**
 * Every operation of the document that the running app serves, called over HTTP with every built-in role, in
 * scope and out of scope, against the table of what is expected. A new operation without a line fails.
 */
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { operations } from "../../../functions/functions.ts";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { requirements } from "../../../shared/access/roles/requirements.ts";
import { catalogue } from "../../../shared/devices/actions/catalogue.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { letters, matrix, type Where } from "../../shared/access/role-matrix.ts";
import { type AttackApp, type Raw, startAttackApp } from "./attack/app.ts";
import { bodiesAbout } from "./attack/bodies.ts";
import { pathWith } from "./attack/document.ts";
import { demandApprovals, type Ids, type Inhabited, inhabit } from "./attack/inhabited.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000 });

/** A notification of which nothing is left to do. */
const ended = {
  kind: notificationShape.id,
  state: "ended",
  parameters: {},
  allowApproximate: false,
  directoryVersion: "",
  createdAt: 0,
  expiresAt: 0,
} as const;

let app: AttackApp;
let mine: Inhabited;
let theirs: Inhabited;
/** What the operations are about: each is there, and lies in the collection where it can lie in one. */
let about: Ids;
/** A notification for each word that the catalogue has for a permission. */
const sentWith = new Map<string, string>();
beforeAll(async () => {
  app = await startAttackApp();
  await demandApprovals(app);
  mine = await inhabit(app, 0, "AAA");
  theirs = await inhabit(app, 100, "BBB");
  const { tenantId, collections, devices, notifications } = mine;
  const [collectionId] = collections;
  for (const { id: actionId, permission } of catalogue) {
    const jobId = newestFirstId(Date.now());
    sentWith.set(permission, jobId);
    const target = { kind: "collection", collectionId } as const;
    const sent = { ...ended, jobId, tenantId, actionId, target };
    await app.door.services.notify.jobs.insert(sent);
  }
  await app.holder("partner", { kind: "everything" });
  const { body } = await app.admin("GET", "/api/v1/access/assignments?top=1");
  about = {
    ...mine.ids,
    collectionId,
    deviceId: devices[0] ?? "",
    notificationId: notifications[1],
    roleId: "partner",
    assignmentId: (body["value"] as { assignmentId: string }[])[0]?.assignmentId ?? "none",
  };
});
afterAll(() => app.stop());

/** A call that does no harm where it is allowed: for a version that never was, or only for a try. */
function harmless(line: string): Raw {
  const [id = "", word = ""] = line.split(" ");
  if (id === "zz-unknown-route") return { path: "/api/v1/nowhere" };
  const operation = app.operations.find((each) => each.id === id);
  if (operation === undefined) throw new Error(`the document has no operation ${id}`);
  const notificationId =
    id === "notifications-retry" || id === "notifications-resume"
      ? sentWith.get(word)
      : about["notificationId"];
  const ids = { ...about, notificationId: notificationId ?? "" };
  const { method, headerParameters, takesBody } = operation;
  const path = pathWith(operation, ids) + (id === "notifications-send" ? "?dryRun=true" : "");
  const headers: Raw["headers"] = headerParameters.includes("If-Match")
    ? [["if-match", '"a version that never was"']]
    : [];
  if (!takesBody) return { method, path, headers };
  const action = catalogue.find(({ permission }) => permission === word)?.id;
  const body =
    id === "notifications-send"
      ? { action, target: { kind: "tenant" } }
      : bodiesAbout[id]?.({ ...ids, deviceId: mine.devices[0] ?? "" })[0];
  if (body === undefined) throw new Error(`no test knows a body for ${id}`);
  return { method, path, headers, body };
}

/** Whether it was opened: done, or not done for a reason that only who may do it is told. */
async function opened(line: string, token: string | undefined): Promise<boolean> {
  const { status, text, body } = await app.call({ ...harmless(line), token });
  if (line === "zz-unknown-route" && body["code"] === "unknown-route") return true;
  // Only who may see a tenant's syncs and configuration, baselines, templates, webhooks, tasks or dead letters is told that there is none of that name.
  const kinds = [
    "sync",
    "configuration",
    "baseline",
    "template",
    "webhook",
    "task",
    "calendar",
    "run",
    "dead-letter",
    "output",
    "registration",
  ];
  const unknown = kinds.map((kind) => `unknown-${kind}`);
  if (unknown.includes(String(body["code"]))) return true;
  // Who gets so far that Graph is asked, has been let in: here nobody answers for it.
  if (body["code"] === "graph-unavailable") return true;
  expect([200, 201, 202, 204, 400, 401, 403, 404, 409, 412], `${line}: ${text}`).toContain(status);
  return ![401, 403, 404].includes(status);
}

test("every operation of the document has a line, a requirement, and says itself if it is open", () => {
  const named = new Set([...app.operations.map(({ id }) => id), "zz-unknown-route"]);
  expect(new Set(Object.keys(matrix).map((line) => line.split(" ")[0]))).toEqual(named);
  expect(new Set(Object.keys(requirements))).toEqual(named);
  expect(new Set([...operations.map(({ name }) => name), "zz-unknown-route"])).toEqual(named);
  const open = app.operations.filter((each) => each.open).map(({ id }) => id);
  expect(new Set(open)).toEqual(
    new Set(["health", "ready", "openapi", "callbacks-sign-in", "callbacks-consent"]),
  );
});

const inCollection = ["anywhere", "someCollection", "collection"] as const;
const scopes: readonly (readonly [string, () => Scope, readonly Where[]])[] = [
  ["everything", () => ({ kind: "everything" }), [...inCollection, "tenant", "everything"]],
  ["its tenant", () => tenants(mine), [...inCollection, "tenant"]],
  ["another tenant", () => tenants(theirs), ["anywhere"]],
  ["its collection", () => collection(mine, 0), inCollection],
  ["another collection", () => collection(mine, 1), ["anywhere", "someCollection"]],
  ["another tenant's collection", () => collection(theirs, 0), ["anywhere"]],
];
const tenants = ({ tenantId }: Inhabited): Scope => ({ kind: "tenants", tenantIds: [tenantId] });
const collection = ({ tenantId, collections }: Inhabited, at: 0 | 1): Scope => ({
  kind: "collections",
  collections: [{ tenantId, collectionId: collections[at] }],
});

/** The lines that a run takes for a scope: for the widest as many as it can, for the others other ones each. */
const linesFor = (name: string) => {
  const nth = scopes.findIndex(([scope]) => scope === name);
  const oneIn = inject(nth === 0 ? "oneCaseIn" : "oneWalkIn");
  return Object.entries(matrix).filter((_, at) => (at + nth) % oneIn === 0);
};

describe.each(scopes)("a role for %s", (name, scopeOf, reached) => {
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    const scope = scopeOf();
    for (const [letter, roleId] of Object.entries(letters))
      tokens.set(letter, (await app.holder(roleId, scope)).token);
  });

  test.each(linesFor(name))("opens %s to whom the table says", async (line, entry) => {
    const [roles, where] = entry;
    const answers = await Promise.all(
      [...tokens].map(async ([letter, token]) => ((await opened(line, token)) ? letter : "")),
    );
    expect(answers.join("")).toBe(reached.includes(where) ? roles : "");
  });
});

/** What signing in is enough for. */
const signedIn = [
  "zz-unknown-route",
  "actions-list",
  "actions-get",
  "names-get",
  "texts-list",
  "action-types-list",
  "me-get",
  "access-explain",
];
const open = ["health", "ready", "openapi", "callbacks-sign-in", "callbacks-consent"];

/** Refusals of every change have a test of their own. */
const refusedLines = Object.keys(matrix).filter(
  (_, at) => at % Math.min(4, inject("oneCaseIn")) === 0,
);

test.each(refusedLines)("who has no role, or no token, gets no further at %s", async (line) => {
  const { token } = await app.holder("partner");
  expect(await opened(line, token)).toBe([...signedIn, ...open].includes(line));
  expect(await opened(line, undefined)).toBe(open.includes(line));
});
