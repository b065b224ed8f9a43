/** Every operation and every step at which it can refuse a caller: the trail has the refusal, nothing was done. */
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpFunction } from "../../../functions/define.ts";
import { operations } from "../../../functions/functions.ts";
import type { Services } from "../../../functions/services.ts";
import type { AuditEvent } from "../../../shared/access/audit/records.ts";
import { Guard, rateLimiter } from "../../../shared/access/guard.ts";
import type { DeniedStep } from "../../../shared/access/roles/decide.ts";
import { requirementOf } from "../../../shared/access/roles/requirements.ts";
import type { TokenStep } from "../../../shared/access/sign-in/tokens.ts";
import { noContent } from "../../../shared/http/reply.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { succeed } from "../../../shared/kernel/failure.ts";
import { delegated, home, sign, unsigned } from "../../shared/access/entra.ts";
import { queries, triedElsewhere } from "../support/sync-bodies.ts";
import { anyIds, changes, harmless } from "./changes.ts";
import {
  type Answered,
  adminToken,
  type Door,
  httpFunctions,
  openDoor,
  type Sent,
  timesNow,
} from "./door.ts";

const ip = "203.0.113.9";
const headers = { "x-forwarded-for": ip };

let door: Door;
let tenantId = "";
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.tenant();
});
afterAll(() => door.stop());

const eventsOf = ({ headers: answered }: Answered): AuditEvent[] =>
  door.events.filter(({ requestId }) => requestId === answered["x-request-id"]);
const seconds = Math.floor(Date.now() / 1000);
const claims = () => ({ ...delegated(door.directory.issuer), ...timesNow() });
const signed = (more: object) => sign({ ...claims(), ...more }, door.key, "one");
/** Somebody to whom nothing was given. */
const stranger = () => signed({ oid: crypto.randomUUID() });

const closed = httpFunctions.filter(({ operation }) => !operation.anonymous);
const guarded = closed.filter(
  ({ operation }) => requirementOf(operation.name)?.kind !== "signedIn",
);

test("every operation but health, readiness, the API document and the two callbacks is one that refuses", () => {
  // The function that answers for unknown paths is none of the document's.
  expect(closed).toHaveLength(operations.length - 5 + 1);
});

/** Sends a well-formed request for an operation. */
const ask = (definition: HttpFunction<Services>, sent: Sent) => {
  const { name, params } = definition.operation;
  const ids = new Map([...anyIds, ["tenantId", tenantId]]);
  return door.serve(definition, {
    params: Object.fromEntries(
      Object.keys(params?.shape ?? {}).map((param) => [param, ids.get(param) ?? "x"]),
    ),
    query: queries[name] ?? "",
    body: changes[name]?.body?.(ids) ?? harmless[name] ?? triedElsewhere[name],
    ...sent,
    headers,
  });
};

describe("a refused call is in the trail, whatever it was for", () => {
  test.each(closed.map((each) => [each.operation.name, each] as const))(
    "%s by nobody",
    async (operation, definition) => {
      const answer = await ask(definition, {});
      expect(answer.status).toBe(401);
      const [event, ...more] = eventsOf(answer);
      expect(more).toEqual([]);
      expect(event).toMatchObject({
        operation,
        outcome: "refused",
        step: "missing",
        actor: { kind: "anonymous", id: "" },
        ip,
      });
      // What strangers write is in no tenant's trail, and is not repeated in any.
      expect(event).not.toHaveProperty("tenantId");
      expect(event).not.toHaveProperty("object");
    },
  );

  test.each(guarded.map((each) => [each.operation.name, each] as const))(
    "%s by somebody without a role",
    async (operation, definition) => {
      const oid = crypto.randomUUID();
      const answer = await ask(definition, { token: await signed({ oid }) });
      expect(answer.status).toBe(403);
      const events = eventsOf(answer);
      expect(events).toMatchObject([
        {
          operation,
          outcome: "refused",
          step: "assignment",
          actor: { kind: "user", id: oid, homeTenantId: home },
          ip,
          object: expect.any(String),
        },
      ]);
      // No tenant's trail grows by somebody who has no part in any.
      expect(events[0]).not.toHaveProperty("tenantId");
    },
  );
});

/** Where a request can be refused, and a request that is refused there. */
type Step = TokenStep | DeniedStep | "tenant" | "limits" | "unlisted" | "forbidden";
const list = (token: string | undefined, tenant = tenantId) =>
  door.call("collections-list", { token, params: { tenantId: tenant }, headers });
const bearing = (authorization: string) =>
  door.call("tenants-list", { headers: { ...headers, authorization } });
const known = (name: string): HttpFunction<Services> => {
  const definition = httpFunctions.find(({ operation }) => operation.name === name);
  if (definition === undefined) throw new Error(`no operation ${name}`);
  return definition;
};
const holding = async (roleId: string, scope: Parameters<Door["holder"]>[1]) =>
  (await door.holder(roleId, scope)).token;
const steps: Readonly<Record<Exclude<Step, "keys-unavailable">, () => Promise<Answered>>> = {
  missing: () => list(undefined),
  scheme: () => bearing("Basic eA=="),
  oversized: () => list("x".repeat(20_000)),
  malformed: () => list("nonsense"),
  algorithm: () => list(unsigned(claims(), "none")),
  directory: async () => list(await signed({ tid: crypto.randomUUID() })),
  "unknown-key": async () => list(await sign(claims(), door.key, "two")),
  signature: async () => list(await sign(claims(), await generateKeyPair("RS256"), "one")),
  issuer: async () => list(await signed({ iss: "https://evil.example/v2.0" })),
  audience: async () => list(await signed({ aud: "api://other" })),
  expired: async () => list(await signed({ exp: seconds - 120 })),
  "not-yet-valid": async () => list(await signed({ nbf: seconds + 120 })),
  claims: async () => list(await signed({ oid: "ana" })),
  consent: async () => list(await signed({ scp: "openid" })),
  assignment: async () => list(await stranger()),
  permission: async () => list(await holding("partner", { kind: "everything" })),
  scope: async () => {
    const elsewhere = { kind: "tenants", tenantIds: [await door.tenant()] } as const;
    return list(await holding("readOnlyAnalyst", elsewhere));
  },
  "groups-overage": async () => {
    const principal = { kind: "group", homeTenantId: home, id: crypto.randomUUID() };
    const body = { principal, roleId: "partner", scope: { kind: "everything" } };
    await door.call("assignments-add", { token: adminToken, body });
    return list(await signed({ oid: crypto.randomUUID(), _claim_names: { groups: "src1" } }));
  },
  tenant: async () => {
    const never = crypto.randomUUID();
    const scope = { kind: "tenants", tenantIds: [never] } as const;
    return list(await holding("readOnlyAnalyst", scope), never);
  },
  limits: async () => {
    const scope = { kind: "collections", collections: [{ tenantId, collectionId: "c1" }] } as const;
    const token = await holding("readOnlyAnalyst", scope);
    // What does not say that it keeps within collections is taken for one that does not.
    const careless = { ...known("collections-list"), keepsLimits: false };
    return door.serve(careless, { token, params: { tenantId }, headers });
  },
  unlisted: async () => {
    const definition = known("tenants-list");
    const operation = { ...definition.operation, name: "tenants-forgotten" };
    const forgotten = { ...definition, operation, handle: async () => succeed(noContent()) };
    return door.serve(forgotten, { token: adminToken, headers });
  },
  forbidden: async () => {
    const body = { name: "Clerk", permissions: ["access.read", "access.manage"] };
    const { body: clerk } = await door.call("roles-add", { token: adminToken, body });
    const token = await holding(String(clerk["roleId"]), { kind: "everything" });
    const more = { name: "More", permissions: ["devices.runScript"] };
    return door.call("roles-add", { token, body: more, headers });
  },
};

test.each(Object.entries(steps))(
  "a call refused at %s is in the trail as such",
  async (step, refusedCall) => {
    const answer = await refusedCall();
    expect([401, 403]).toContain(answer.status);
    expect(eventsOf(answer)).toMatchObject([{ outcome: "refused", step, ip }]);
    expect(eventsOf(answer)).toHaveLength(1);
  },
);

const keysAreGone = async () => ({ kind: "refused", step: "keys-unavailable" }) as const;

test("that the keys of a directory cannot be had is our outage, and no event", async () => {
  const nobody = { read: () => Promise.reject(new Error("read")), invalidate: () => undefined };
  const guard = new Guard({
    checkToken: keysAreGone,
    snapshots: nobody,
    limiter: rateLimiter(systemClock),
    isTenant: async () => false,
  });
  const sent = { token: "any", headers };
  const answer = await door.serve(known("tenants-list"), sent, { guard });
  expect(answer).toMatchObject({ status: 503, body: { code: "sign-in-unavailable" } });
  expect(eventsOf(answer)).toEqual([]);
});
