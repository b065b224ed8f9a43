import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpFunction } from "../../../functions/define.ts";
import { operations } from "../../../functions/functions.ts";
import type { Scope } from "../../../shared/access/assignments.ts";
import { requirements } from "../../../shared/access/requirements.ts";
import { catalogue } from "../../../shared/devices/catalogue.ts";
import { openApiDocument } from "../../../shared/http/openapi.ts";
import { noContent } from "../../../shared/http/reply.ts";
import { succeed } from "../../../shared/kernel/failure.ts";
import { newestFirstId } from "../../../shared/kernel/ids.ts";
import { letters, matrix, type Where } from "../../shared/access/role-matrix.ts";
import { type Door, httpFunctions, openDoor } from "./door.ts";
import { bodies, pathIds, queries, sendBody } from "./requests.ts";

/** A notification of which nothing is left to do. */
const ended = {
  state: "completed",
  parameters: {},
  target: { kind: "tenant" },
  allowApproximate: false,
  directoryVersion: "",
  createdAt: 0,
  expiresAt: 0,
} as const;

let door: Door;
let tenantId = "";
/** A notification for each word that the catalogue has for a permission. */
const sentWith = new Map<string, string>();
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.tenant();
  for (const { id, permission } of catalogue) {
    const notificationId = newestFirstId(Date.now());
    sentWith.set(permission, notificationId);
    await door.services.notify.notifications.insert({
      ...ended,
      notificationId,
      tenantId,
      actionId: id,
    });
  }
});
afterAll(() => door.stop());

/** The door alone: what the handlers do is theirs to test. */
const unlocked = (definition: HttpFunction): HttpFunction => ({
  ...definition,
  handle: async () => Promise.resolve(succeed(noContent())),
});

async function knock(line: string, token: string | undefined, tenant: string): Promise<number> {
  const [name = "", word] = line.split(" ");
  const definition = httpFunctions.find(({ operation }) => operation.name === name);
  if (definition === undefined) throw new Error(`no operation ${name}`);
  const ids = { ...pathIds, tenantId: tenant };
  const notificationId = sentWith.get(word ?? "") ?? pathIds["notificationId"];
  const named = Object.keys(definition.operation.params?.shape ?? {});
  const params = Object.fromEntries(
    Object.entries({ ...ids, notificationId }).filter(([id]) => named.includes(id)),
  ) as Record<string, string>;
  const body = name === "notifications-send" ? sendBody(String(word)) : bodies[name];
  const query = queries[name];
  const answer = await door.serve(unlocked(definition), {
    token,
    params,
    ...(query === undefined ? {} : { query }),
    ...(body === undefined ? {} : { body }),
  });
  return answer.status;
}

const scopes: readonly (readonly [string, () => Promise<Scope>, readonly Where[]])[] = [
  ["everything", async () => ({ kind: "everything" }), ["anywhere", "tenant", "everything"]],
  ["its tenant", async () => ({ kind: "tenants", tenantIds: [tenantId] }), ["anywhere", "tenant"]],
  [
    "another tenant",
    async () => ({ kind: "tenants", tenantIds: [await door.tenant()] }),
    ["anywhere"],
  ],
];

test("every operation of the document has a line, a requirement, and says itself if it is open", () => {
  const named = new Set(httpFunctions.map(({ operation }) => operation.name));
  expect(new Set(Object.keys(requirements))).toEqual(named);
  expect(new Set(Object.keys(matrix).map((line) => line.split(" ")[0]))).toEqual(named);
  const open = operations.filter(({ anonymous }) => anonymous).map(({ name }) => name);
  expect(open.toSorted((one, other) => one.localeCompare(other))).toEqual(["health", "openapi"]);
  expect(Object.keys(openApiDocument(operations, "0")["paths"] as object).length).toBeGreaterThan(
    35,
  );
});

describe.each(scopes)("a role for %s", (_name, scopeOf, reached) => {
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    const scope = await scopeOf();
    for (const [letter, roleId] of Object.entries(letters))
      tokens.set(letter, (await door.holder(roleId, scope)).token);
  });

  test.each(Object.entries(matrix))("opens %s to whom the table says", async (line, entry) => {
    const [roles, where] = entry;
    const answers = await Promise.all(
      [...tokens].map(async ([letter, token]) => ({
        letter,
        status: await knock(line, token, tenantId),
      })),
    );
    const opened = answers.filter(({ status }) => status === 204).map(({ letter }) => letter);
    expect(opened.join("")).toBe(reached.includes(where) ? roles : "");
    expect(answers.filter(({ status }) => status !== 204 && status !== 403)).toEqual([]);
  });
});

test.each(Object.keys(matrix))(
  "nobody without a token gets to %s, unless it is open",
  async (line) => {
    const open = ["health", "openapi"].includes(line);
    expect(await knock(line, undefined, tenantId)).toBe(open ? 204 : 401);
  },
);

test("a tenant that is not registered is refused like one that is out of reach", async () => {
  const { token } = await door.holder("readOnlyAnalyst", {
    kind: "tenants",
    tenantIds: [tenantId],
  });
  const ask = (id: string) => door.call("devices-list", { token, params: { tenantId: id } });
  const [other, never] = [await ask(await door.tenant()), await ask(crypto.randomUUID())];
  const { instance: _, ...said } = other.body;
  expect(never.body).toMatchObject(said);
  expect([other.status, never.status]).toEqual([403, 403]);
});

test("a role for one tenant does not open another one's ids", async () => {
  const mine = await door.tenant();
  const { token } = await door.holder("fullAdministrator", { kind: "tenants", tenantIds: [mine] });
  const theirs = httpFunctions.filter(({ operation }) => operation.path.includes("{tenantId}"));
  const statuses = await Promise.all(
    theirs
      .filter(({ operation }) => !operation.name.startsWith("notifications-"))
      .map(({ operation }) => knock(operation.name, token, tenantId)),
  );
  expect(new Set(statuses)).toEqual(new Set([403]));
});
