/**
 * There and back, for every written type of the catalogue: every property of its items is wanted otherwise, and another
 * item beside them; that is planned, approved and deployed, and the tenant is so; the undo brings everything back. A
 * type that is added to the catalogue is tried by being there: the stand-in must have an item of it.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configurationTypes } from "../../../../shared/sync/catalogue/catalogue.ts";
import type { ConfigurationType } from "../../../../shared/sync/catalogue/configuration-type.ts";
import { listAt } from "../../../../shared/sync/catalogue/entry.ts";
import type { Item, ReferenceToken } from "../../../../shared/sync/items/item.ts";
import { type Json, type JsonObject, textOf } from "../../../../shared/sync/items/json.ts";
import { hasSecret, isObject, isToken, tokensIn } from "../../../../shared/sync/plan/shape.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

const written = configurationTypes.filter(({ isWritten }) => isWritten);
const types = written.map(({ key }) => key);
const isCreated = ({ changeable }: ConfigurationType): boolean => changeable.create === true;

let rig: SyncRig;
let tenantId: string;
beforeAll(async () => {
  rig = await startSyncRig();
  tenantId = await rig.tenant();
  await rig.signInto(tenantId);
});
afterAll(() => rig.stop());

/** Words that stand for one of a few; any other text just becomes another one. */
const otherWords: Readonly<Record<string, string>> = {
  enabled: "disabled",
  disabled: "enabledForReportingButNotEnforced",
  enabledForReportingButNotEnforced: "disabled",
  include: "exclude",
  exclude: "include",
};

/** What items have beside what the stand-in's have: set by the change, gone again by the undo. */
const more: Readonly<Record<string, JsonObject>> = {
  group: { description: "More" },
  authenticationStrength: {
    combinationConfigurations: [
      {
        "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
        appliesToCombinations: ["fido2"],
        allowedAAGUIDs: ["ee041bce-25e5-4cdb-8f86-897fd6418464"],
      },
    ],
  },
  authenticationContext: { description: "More" },
  conditionalAccessPolicy: {
    sessionControls: { persistentBrowser: { isEnabled: true, mode: "never" } },
  },
  authenticationMethodsPolicy: { reportSuspiciousActivitySettings: { state: "enabled" } },
  roleScopeTag: { description: "More" },
  assignmentFilter: { description: "More", roleScopeTags: [{ $ref: "roleScopeTag", name: "New" }] },
  deviceCompliancePolicy: {
    description: "More",
    roleScopeTagIds: [{ $ref: "roleScopeTag", name: "New" }],
  },
  deviceConfiguration: {
    description: "More",
    roleScopeTagIds: [{ $ref: "roleScopeTag", name: "New" }],
  },
  configurationPolicy: {
    description: "More",
    roleScopeTagIds: [{ $ref: "roleScopeTag", name: "New" }],
  },
};

/** Makes every value of a body another one, as far as it can be changed at all. */
class Changer {
  readonly #type: ConfigurationType;
  readonly #pool: readonly ReferenceToken[];

  constructor(type: ConfigurationType, pool: readonly ReferenceToken[]) {
    this.#type = type;
    this.#pool = pool;
  }

  /** The properties at the top that stay: what names the item, what is set once, and what holds a secret. */
  stays(name: string, value: Json | undefined): boolean {
    const { keyedBy, immutable = [] } = this.#type;
    const keys = keyedBy.map((key) => (key === "@odata.type" ? key : key.split(".")[0]));
    return keys.includes(name) || immutable.includes(name) || hasSecret(value);
  }

  body(body: JsonObject): JsonObject {
    const entries = Object.entries(body).map(([name, value]) =>
      this.stays(name, value) ? [name, value] : [name, this.#value(value, name)],
    );
    return Object.fromEntries(entries) as JsonObject;
  }

  #value(value: Json, path: string): Json {
    if (isToken(value)) return this.#reference(value) ?? value;
    if (Array.isArray(value))
      return (value.length === 0 ? [""] : value).map((each: Json) =>
        this.#value(each, `${path}[]`),
      );
    if (isObject(value)) return this.#object(value, path);
    if (typeof value === "boolean") return !value;
    if (typeof value === "number") return value + 1;
    return typeof value === "string" ? this.#text(value, path) : value;
  }

  #object(node: JsonObject, path: string): JsonObject {
    const key = this.#type.keyedLists?.[path.replace(/\[\]$/, "")];
    const entries = Object.entries(node).map(([name, value]) => {
      const at = `${path}.${name}`;
      const isKey = key !== undefined && at === `${path}.${key}`;
      const isKind = name === "@odata.type" || name === "targetType" || name === "$secret";
      const isPart = key?.startsWith(`${name}.`) === true;
      if (isKey || isKind) return [name, value];
      if (!isPart || !isObject(value)) return [name, this.#value(value, at)];
      const inner = key.slice(name.length + 1);
      const changed = this.#object(value, at);
      return [name, { ...changed, [inner]: value[inner] ?? null }];
    });
    return Object.fromEntries(entries) as JsonObject;
  }

  #reference({ $ref, id }: ReferenceToken): (JsonObject & ReferenceToken) | undefined {
    const other = this.#pool.find((token) => token.$ref === $ref && token.id !== id);
    return other && { ...other };
  }

  #text(text: string, path: string): Json {
    const place = this.#type.references.find(
      ({ at, literals = [] }) => at === path && literals.includes(text),
    );
    if (place === undefined) return otherWords[text] ?? `${text}x`;
    return this.#reference({ $ref: place.family, id: "" }) ?? text;
  }
}

/** Another item like one that is there. */
function another(type: ConfigurationType, { body }: Item): Item {
  const [name = ""] = type.keyedBy;
  const own: JsonObject = { ...body, [name]: "New" };
  const key = type.keyedBy
    .map((property) => (property === name ? "New" : keyPart(own, property)))
    .join(" / ");
  return { type: type.key, key, name: "New", body: own };
}

/** The same with references to what is made beside it, wherever there is such a thing. */
const toNew = (node: Json, made: ReadonlySet<string>): Json => {
  if (isToken(node)) return made.has(node.$ref) ? { $ref: node.$ref, name: "New" } : node;
  if (Array.isArray(node)) return node.map((each: Json) => toNew(each, made));
  if (!isObject(node)) return node;
  return Object.fromEntries(Object.entries(node).map(([name, each]) => [name, toNew(each, made)]));
};

const keyPart = (body: JsonObject, property: string): string => {
  const value =
    property === "@odata.type"
      ? body[property]
      : property
          .split(".")
          .reduce<Json | undefined>(
            (node, part) => (isObject(node) ? node[part] : undefined),
            body,
          );
  return typeof value === "string" ? value.replace(/^#microsoft\.graph\./, "") : "";
};

const isFixed = (
  { body }: Item,
  raw: JsonObject | undefined,
  { fixed }: ConfigurationType,
): boolean => raw !== undefined && body !== undefined && fixed?.(raw) !== undefined;

/** Everything that is to be wanted: by type, what was there, and what is to become of it. */
async function otherwise() {
  const now = new Map<string, readonly Item[]>();
  for (const { key } of written) now.set(key, await rig.wanted(tenantId, key));
  const named = [...now].flatMap(([family, items]): ReferenceToken[] =>
    items.flatMap(({ id, name }) =>
      id === undefined ? [] : [{ $ref: family as ReferenceToken["$ref"], id, name }],
    ),
  );
  const tokens = [...now.values()].flatMap((items) =>
    items.flatMap(({ body }) => [...tokensIn(body)]),
  );
  const pool = [...named, ...tokens.filter(({ name }) => name !== undefined)];
  const wanted: Item[] = [];
  const made: string[] = [];
  for (const type of written) {
    const raws = new Map(
      (await rig.inTenant(tenantId, type.key)).map((raw) => [raw.id, raw as unknown as JsonObject]),
    );
    const changer = new Changer(type, pool);
    const free = (now.get(type.key) ?? []).filter(
      (item) => !isFixed(item, raws.get(item.id ?? ""), type),
    );
    // Security defaults, which are wanted otherwise too, go with no enabled policy.
    const items = type.key === "conditionalAccessPolicy" ? free : fewest(free);
    const changed = items.map(
      (item): Item => ({ ...item, body: { ...changer.body(item.body), ...more[type.key] } }),
    );
    wanted.push(...changed);
    const whole = changed.find(({ body }) => !hasSecret(body));
    if (!isCreated(type) || whole === undefined) continue;
    // What refers to one another is written in this order.
    const fresh = another(type, whole);
    wanted.push({ ...fresh, body: toNew(fresh.body, new Set(made)) as JsonObject });
    made.push(type.key);
  }
  return { now, wanted };
}

/** Those that have something which none before them has: more of the same prove nothing more. */
function fewest(items: readonly Item[]): Item[] {
  const seen = new Set<string>();
  return items.filter(({ body }) => {
    const places = [...placesIn(body, textIn(body["@odata.type"]))];
    const isNew = places.some((place) => !seen.has(place));
    for (const place of places) seen.add(place);
    return isNew;
  });
}
const textIn = (value: Json | undefined): string => (typeof value === "string" ? value : "");
function* placesIn(node: Json | undefined, path: string): Generator<string> {
  if (Array.isArray(node)) for (const each of node) yield* placesIn(each, `${path}[]`);
  else if (isObject(node) && !isToken(node))
    for (const [name, value] of Object.entries(node)) yield* placesIn(value, `${path}.${name}`);
  else yield path;
}

/** What moves by itself, and ids that the service gives anew. */
const moving =
  /^(?:version|id|source|sourceId|(?:created|modified|lastModified)DateTime|mailNickname)$/;
const steady = (node: unknown): unknown => {
  if (Array.isArray(node))
    return node.map(steady).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof node !== "object" || node === null) return node ?? undefined;
  // Services leave out what is empty, or show it, as they like.
  const entries = Object.entries(node).filter(
    ([name, value]) => !moving.test(name) && !["null", '""', "[]"].includes(JSON.stringify(value)),
  );
  return Object.fromEntries(
    entries
      .map(([name, value]) => [name, steady(value)])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  );
};
/** What was made a second time has other ids. */
const nameless = (items: unknown): unknown =>
  steady(
    JSON.parse(
      JSON.stringify(items).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "id"),
    ),
  );
/** Rules of roles are written below a type of their own. */
const stored = ({ key }: ConfigurationType): string =>
  key === "pimRoleSettings" ? "roleManagementPolicy" : key;
async function tenantNow(): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const type of written) all[type.key] = steady(await rig.inTenant(tenantId, stored(type)));
  return all;
}

/** Approves all of a plan that leaves nothing aside, and sees that every item of it is done. */
async function deployed(planned: Sync, blocked: readonly string[] = []): Promise<Sync> {
  const plan = await rig.plan(planned);
  expect(plan.blocked.map(({ type, name, reason }) => `${type} ${name} ${reason}`)).toEqual(
    blocked,
  );
  await rig.approve(planned);
  const end = await rig.toRest(tenantId, planned.syncId);
  const left = (await rig.items(planned)).filter(({ state }) => state !== "done");
  expect(left.map(({ type, name, state, detail }) => [type, name, state, detail])).toEqual([]);
  expect(end).toMatchObject({ outcome: blocked.length === 0 ? "succeeded" : "partial" });
  return end;
}
const again = async () => (await rig.sync(tenantId, { types })).plan;

describe("what is wanted otherwise", () => {
  let before: Record<string, unknown>;
  let items: Awaited<ReturnType<typeof otherwise>>;
  let done: Sync;
  beforeAll(async () => {
    await rig.sync(tenantId, { types });
    before = await tenantNow();
    items = await otherwise();
    await rig.want(tenantId, items.wanted);
  }, 60_000);

  it.each(written.map((type) => [type.key, type] as const))(
    "of %s is an item of the stand-in, and each of its properties that may be changed",
    async (key, type) => {
      const wanted = items.wanted.filter((each) => each.type === key);
      expect(wanted.length, "the stand-in has none").toBeGreaterThan(isCreated(type) ? 1 : 0);
      const changer = new Changer(type, []);
      const same = (items.now.get(key) ?? []).flatMap(({ body, key: own }) => {
        const after = wanted.find((each) => each.key === own)?.body ?? {};
        return Object.keys(body).filter(
          (name) =>
            Object.hasOwn(after, name) &&
            !changer.stays(name, body[name]) &&
            JSON.stringify(after[name]) === JSON.stringify(body[name]),
        );
      });
      expect(same, "changed in nothing").toEqual([]);
    },
  );

  it("is deployed, and the tenant is as wanted", async () => {
    done = await deployed(await rig.sync(tenantId, { types }));
    const after = await tenantNow();
    for (const key of types) expect(after[key], key).not.toEqual(before[key]);
    for (const each of written) {
      const [is, wanted] = [
        await rig.wanted(tenantId, each.key),
        items.wanted.filter(({ type }) => type === each.key),
      ];
      expect(is.length, each.key).toBeGreaterThanOrEqual(wanted.length);
    }
    expect(await again(), "a second plan is empty").toMatchObject({
      counts: { creates: 0, updates: 0, deletes: 0, blocked: 0 },
    });
    expect(await rig.writes(tenantId)).toMatchObject({ doubled: 0 });
  }, 120_000);

  it("is taken back, and the tenant is as before; and once more, what was taken back is there again", async () => {
    const changed = await tenantNow();
    // No group is ever deleted: what was made of them stays.
    const stays = ["group New deleteBlockedByGuard"];
    const undone = await deployed(await rig.undo(done, { types }), stays);
    const after = await tenantNow();
    for (const key of types.filter((each) => each !== "group"))
      expect(after[key], key).toEqual(before[key]);
    expect(await again()).toMatchObject({ counts: { creates: 0, updates: 0, deletes: 0 } });
    await deployed(await rig.undo(undone, { types }));
    const there = await tenantNow();
    for (const key of types) expect(nameless(there[key]), key).toEqual(nameless(changed[key]));
  }, 120_000);
});

const isOn = async (id: string): Promise<unknown> =>
  (await rig.inTenant(id, "securityDefaults"))[0]?.["isEnabled"];
const states = async (id: string) =>
  (await rig.inTenant(id, "conditionalAccessPolicy")).map(({ state }) => state);
const setDefaults = async (id: string, isEnabled: boolean): Promise<void> => {
  const [item] = await rig.wanted(id, "securityDefaults");
  if (item === undefined) throw new Error("the stand-in has no security defaults");
  await rig.want(id, [{ ...item, body: { isEnabled } }]);
};

const external = (state: string): JsonObject => ({
  "@odata.type": "#microsoft.graph.externalAuthenticationMethodConfiguration",
  id: "External: Keys",
  displayName: "Keys",
  state,
  appId: "0f0f0f0f-1111-4222-8333-000000000001",
  openIdConnectSetting: { clientId: "c", discoveryUrl: "https://keys.example/" },
});

describe("in a tenant whose services take a while to know what they took", () => {
  const accessTypes = ["group", "namedLocation", "conditionalAccessPolicy", "securityDefaults"];
  it("a policy is made with all that it names, each once, and enabled when it is whole", async () => {
    tenantId = await rig.tenant();
    await rig.behave(tenantId, { consistencyMs: 20_000 });
    await rig.sync(tenantId, { types: accessTypes });
    const group = { displayName: "New", groupTypes: [], mailEnabled: false, securityEnabled: true };
    const kind = "#microsoft.graph.countryNamedLocation";
    await rig.want(tenantId, [
      { type: "group", key: "New", name: "New", body: group },
      {
        type: "namedLocation",
        key: "New / countryNamedLocation",
        name: "New",
        body: { "@odata.type": kind, displayName: "New", countriesAndRegions: ["CH"] },
      },
      {
        type: "conditionalAccessPolicy",
        key: "New",
        name: "New",
        body: {
          displayName: "New",
          state: "enabled",
          conditions: {
            users: { includeGroups: [{ $ref: "group", name: "New" }] },
            applications: { includeApplications: ["All"] },
            locations: { includeLocations: [{ $ref: "namedLocation", name: "New" }] },
          },
          grantControls: { operator: "OR", builtInControls: ["mfa"] },
        },
      },
    ]);
    await deployed(await rig.sync(tenantId, { types: accessTypes }));
    const { value, doubled } = await rig.writes(tenantId);
    expect(value.map(({ method, type }) => `${String(method)} ${String(type)}`)).toEqual([
      "POST group",
      "POST namedLocation",
      "POST conditionalAccessPolicy",
      "PATCH conditionalAccessPolicy",
    ]);
    expect(doubled).toBe(0);
    expect(await states(tenantId)).toContain("enabled");
    rig.pass(20_000);
    expect(await again()).toMatchObject({ counts: { creates: 0, updates: 0, blocked: 0 } });
  }, 60_000);

  it("security defaults go off before policies are enabled, and on when the last one is disabled or gone", async () => {
    tenantId = await rig.tenant();
    await rig.sync(tenantId, { types: accessTypes });
    const items = await rig.wanted(tenantId, "conditionalAccessPolicy");
    const off = items.map((item) => ({ ...item, body: { ...item.body, state: "disabled" } }));
    await rig.want(tenantId, off);
    await setDefaults(tenantId, true);
    const done = await deployed(await rig.sync(tenantId, { types: accessTypes }));
    expect([await isOn(tenantId), new Set(await states(tenantId))]).toEqual([
      true,
      new Set(["disabled"]),
    ]);
    await deployed(await rig.undo(done, { types: accessTypes }));
    expect([await isOn(tenantId), (await states(tenantId)).includes("enabled")]).toEqual([
      false,
      true,
    ]);
  }, 60_000);
});

describe("external methods of authentication", () => {
  it("are made, changed and removed by their names, and Microsoft's own are left where nobody names them", async () => {
    tenantId = await rig.tenant();
    const own = ["authenticationMethodsPolicy"];
    await rig.sync(tenantId, { types: own });
    const key = "authenticationMethodConfigurations";
    const [item] = await rig.wanted(tenantId, "authenticationMethodsPolicy");
    const methods = item?.body[key];
    if (item === undefined || !Array.isArray(methods)) throw new Error("there are no methods");
    // Without the first of Microsoft's.
    const wanting = (...others: JsonObject[]) =>
      rig.want(tenantId, [
        { ...item, body: { ...item.body, [key]: [...methods.slice(1), ...others] } },
      ]);
    const inTenant = async () => {
      const [policy] = await rig.inTenant(tenantId, "authenticationMethodsPolicy");
      return listAt(policy as JsonObject | undefined, key).map(
        ({ displayName, id, state }) => `${textOf(displayName ?? id)} ${textOf(state)}`,
      );
    };
    const before = await inTenant();
    await wanting();
    expect(await rig.sync(tenantId, { types: own }), "nothing to do").toMatchObject({
      outcome: "succeeded",
    });
    await wanting(external("disabled"));
    const made = await deployed(await rig.sync(tenantId, { types: own }));
    expect(await inTenant()).toEqual([...before, "Keys disabled"]);
    await wanting(external("enabled"));
    await deployed(await rig.sync(tenantId, { types: own }));
    expect(await inTenant()).toEqual([...before, "Keys enabled"]);
    await deployed(await rig.undo(made, { types: own }));
    expect(await inTenant()).toEqual(before);
    expect(await rig.writes(tenantId)).toMatchObject({ total: 3, doubled: 0 });
  }, 60_000);
});
