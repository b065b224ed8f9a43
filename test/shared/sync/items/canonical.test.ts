/** One text for one meaning: what a canonical body has and has not, and what it is the same for. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { configurationTypes, typeOf } from "../../../../shared/sync/catalogue/catalogue.ts";
import type { ConfigurationType } from "../../../../shared/sync/catalogue/configuration-type.ts";
import {
  canonical,
  hashOf,
  keyed,
  masked,
  type Resolve,
  shaped,
} from "../../../../shared/sync/items/canonical.ts";
import { schemaFaults } from "../../../../shared/sync/items/edit.ts";
import type { Json, JsonObject } from "../../../../shared/sync/items/json.ts";
import { resolveForWrite } from "../../../../shared/sync/items/references.ts";
import { compare } from "../../../../shared/sync/plan/compare.ts";
import { leavers, pilots, samples, toAll } from "../catalogue/samples.ts";

const named = (key: string): ConfigurationType => {
  const type = typeOf(key);
  if (type === undefined) throw new Error(`no type ${key}`);
  return type;
};
const resolve: Resolve = (family, id) => ({ name: `${family} ${id.slice(-2)}` });
const made = (key: string, raw: JsonObject) => canonical(named(key), raw, resolve);
const referencesIn = (key: string, raw: JsonObject) => shaped(named(key), raw).references;
const sample = (key: string): JsonObject => samples[key] ?? {};
const bodyOf = (key: string, change: JsonObject = {}) =>
  made(key, { ...sample(key), ...change }).item.body;
const hash = (key: string, change: JsonObject = {}) =>
  made(key, { ...sample(key), ...change }).entry.hash;

const written = configurationTypes.filter(({ isWritten }) => isWritten).map(({ key }) => key);

test.each([
  '{"10":1,"9":2,"a":3}',
  '{"$b":{"2":1,"10":2}}',
  '{"__proto__":{"b":1,"a":2}}',
  '{"name":"B","id":"a","$ref":"group"}',
  '[[{"b":1,"a":["{\\"1\\":2}",{"d":1,"c":2}]}]]',
])(
  "names that the engine or somebody puts elsewhere stand in their order, and are kept: %s",
  (text) => {
    const raw = { displayName: "Tag", more: JSON.parse(text) as JsonObject };
    const { item, entry } = made("roleScopeTag", raw);
    expect(entry.hash).toBe(hashOf(item.body));
    expect(entry.hash).toBe(hashOf(raw));
  },
);

describe("the canonical form of every written type", () => {
  test.each(written)("%s has no ids of its own, dates or annotations", (key) => {
    const { item, entry } = made(key, sample(key));
    const text = JSON.stringify(item.body);
    expect(text).not.toMatch(/createdDateTime|odifiedDateTime|@odata\.(context|nextLink)|null/);
    expect(Object.keys(item.body)).not.toContain("id");
    expect(entry.flaw).toBeUndefined();
    expect(entry.hash).toBe(hashOf(item.body));
    const isList = named(key).kind === "list";
    expect(item.id).toBe(isList ? sample(key)["id"] : undefined);
    expect(item.key === "singleton").toBe(!isList);
  });

  test.each(written)("%s stays as it is when it is made canonical again", (key) => {
    const { item, entry } = made(key, sample(key));
    const again = made(key, item.body);
    expect(again.item.body).toEqual(item.body);
    expect(again.entry.hash).toBe(entry.hash);
    expect(referencesIn(key, item.body)).toEqual([]);
  });

  test.each(written)("%s goes back with the ids that it came with", (key) => {
    const { item } = made(key, sample(key));
    const references = referencesIn(key, sample(key));
    const known = new Map(references.map(({ $ref, id }) => [`${$ref} ${id}`, { name: "x" }]));
    const resolved = resolveForWrite(item.body, {
      mapped: () => undefined,
      byId: (family, id) => known.get(`${family} ${id}`) && resolve(family, id),
      byName: () => [],
    });
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.faults));
    const raw = { ...resolved.body, id: sample(key)["id"] ?? null };
    expect(made(key, raw).entry.hash).toBe(hashOf(item.body));
    for (const { id } of references) expect(JSON.stringify(resolved.body)).toContain(id);
  });

  test.each(written)("%s can be written by a person as it was read", (key) => {
    expect(schemaFaults(named(key), made(key, sample(key)).item.body)).toEqual([]);
  });

  test.each(written)("%s does not mind the order in which Graph tells things", (key) => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (stream) => {
        const next = (): number => Number(stream.next().value);
        const raw = shuffled(named(key), sample(key), "", next) as JsonObject;
        expect(made(key, raw).entry.hash).toBe(hash(key));
      }),
      { numRuns: 30 },
    );
  });

  test.each(written)("%s does not mind null or missing", (key) => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        fc.pre(!Object.hasOwn(sample(key), name) && name !== "__proto__");
        expect(hash(key, { [name]: null })).toBe(hash(key));
      }),
      { numRuns: 20 },
    );
  });
});

/** Names of objects in another order, and elements of lists without one. */
function shuffled(type: ConfigurationType, node: Json, path: string, next: () => number): Json {
  const mix = <T>(list: readonly T[]): T[] =>
    list
      .map((each) => [next(), each] as const)
      .toSorted(([a], [b]) => a - b)
      .map(([, each]) => each);
  if (Array.isArray(node)) {
    const inner = node.map((each: Json) => shuffled(type, each, `${path}[]`, next));
    const isSet = [...type.sets, ...Object.keys(type.keyedLists ?? {}), "assignments"].includes(
      path,
    );
    return isSet ? mix(inner) : inner;
  }
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(([name, value]): [string, Json] => [
    name,
    shuffled(type, value, path === "" ? name : `${path}.${name}`, next),
  ]);
  return Object.fromEntries(mix(entries));
}

const tags = (...roleScopeTagIds: readonly string[]): JsonObject => ({ roleScopeTagIds });
const withUsers = (users: JsonObject): JsonObject => ({
  conditions: { ...(sample("conditionalAccessPolicy")["conditions"] as JsonObject), users },
});

/** What means the same: a type, and two ways to say it. */
const alike: readonly (readonly [string, string, JsonObject, JsonObject])[] = [
  ["no scope tag and the default one", "deviceConfiguration", tags(), tags("0")],
  ["a tag twice and once", "deviceConfiguration", tags("4", "4"), tags("4")],
  [
    "no description and an empty one",
    "deviceConfiguration",
    { description: null },
    { description: "" },
  ],
  [
    "an empty list of excluded groups and none",
    "conditionalAccessPolicy",
    withUsers({ includeUsers: ["All"], excludeGroups: [] }),
    withUsers({ includeUsers: ["All"] }),
  ],
  [
    "an id in capitals and in small letters",
    "conditionalAccessPolicy",
    withUsers({ includeGroups: [pilots.toUpperCase()] }),
    withUsers({ includeGroups: [pilots] }),
  ],
  [
    "session controls of which none says anything, and none",
    "conditionalAccessPolicy",
    { sessionControls: { disableResilienceDefaults: false, signInFrequency: null } },
    { sessionControls: null },
  ],
  [
    "a day in hours and in days",
    "pimRoleSettings",
    { policy: { rules: [{ id: "a", maximumDuration: "PT24H" }] } },
    { policy: { rules: [{ id: "a", maximumDuration: "P1D" }] } },
  ],
];

/** What does not mean the same. */
const different: readonly (readonly [string, string, JsonObject, JsonObject])[] = [
  ["a tag more", "deviceConfiguration", tags("4"), tags("0", "4")],
  [
    "all devices alone, and with all users",
    "deviceCompliancePolicy",
    { assignments: [toAll("allDevices")] },
    { assignments: [toAll("allDevices"), toAll("allLicensedUsers")] },
  ],
  [
    "an included group and an excluded one",
    "conditionalAccessPolicy",
    withUsers({ includeGroups: [pilots] }),
    withUsers({ excludeGroups: [pilots] }),
  ],
  [
    "an empty text where the type does not say that it is nothing",
    "authorizationPolicy",
    { allowInvitesFrom: "" },
    { allowInvitesFrom: null },
  ],
  [
    "a value of a setting in other letters",
    "deviceConfiguration",
    {
      omaSettings: [
        { "@odata.type": "#microsoft.graph.omaSettingString", omaUri: "a", value: pilots },
      ],
    },
    {
      omaSettings: [
        {
          "@odata.type": "#microsoft.graph.omaSettingString",
          omaUri: "a",
          value: pilots.toUpperCase(),
        },
      ],
    },
  ],
];

const withStrength = (id: string) => ({
  grantControls: { operator: "OR", authenticationStrength: { id, displayName: "x" } },
});

const strengthOf = (id: string): Json =>
  (bodyOf("conditionalAccessPolicy", withStrength(id))["grantControls"] as JsonObject)[
    "authenticationStrength"
  ] ?? null;

describe("the meaning of a canonical body", () => {
  test.each(alike)("%s are the same", (_, key, one, other) => {
    expect(bodyOf(key, one)).toEqual(bodyOf(key, other));
    expect(hash(key, one)).toBe(hash(key, other));
  });

  test.each(different)("%s are not the same", (_, key, one, other) => {
    expect(hash(key, one)).not.toBe(hash(key, other));
  });

  test("dropping All users keeps All devices, and is told as one change", () => {
    const before = bodyOf("deviceCompliancePolicy");
    const after = bodyOf("deviceCompliancePolicy", { assignments: [toAll("allDevices")] });
    expect(after["assignments"]).toEqual([
      { target: { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } },
    ]);
    const changes = compare(named("deviceCompliancePolicy"), before, after);
    expect(changes.map(({ pointer }) => pointer)).toEqual(["/assignments/All users"]);
  });

  test("ids become references with names, words of Microsoft's stay, and what is not there has no name", () => {
    const raw = {
      ...sample("conditionalAccessPolicy"),
      ...withUsers({ includeUsers: ["All"], excludeGroups: [pilots, leavers] }),
    };
    const references = referencesIn("conditionalAccessPolicy", raw);
    const { item } = canonical(named("conditionalAccessPolicy"), raw, (_, id) =>
      id === pilots ? { name: "Pilots" } : undefined,
    );
    const { users } = item.body["conditions"] as { users: Json };
    expect(users).toEqual({
      includeUsers: ["All"],
      excludeGroups: [
        { $ref: "group", name: "Pilots", id: pilots },
        { $ref: "group", id: leavers },
      ],
    });
    expect(references).toContainEqual({ $ref: "group", id: leavers });
    expect(references.some(({ id }) => id === "All")).toBe(false);
  });

  test("a strength of Microsoft's is the same everywhere, one of the tenant's is a reference", () => {
    const builtIn = "00000000-0000-0000-0000-000000000004";
    expect(strengthOf(builtIn)).toEqual({ id: builtIn });
    expect(strengthOf(pilots)).toMatchObject({
      id: { $ref: "authenticationStrength", id: pilots },
    });
  });

  test.each(written)(
    "%s has the same shape without its secrets, as it is kept while it is read",
    (key) => {
      const raw = { ...sample(key), preSharedKey: "hunter2" };
      const kept = JSON.parse(JSON.stringify(masked(named(key), raw))) as JsonObject;
      expect(made(key, kept)).toEqual(made(key, raw));
      const secrets = named(key).secrets === undefined ? /\*\*\*\*/ : /hunter2|\*\*\*\*/;
      expect(JSON.stringify(kept)).not.toMatch(secrets);
    },
  );

  test("secrets are placeholders, wherever they stand", () => {
    const names = ["preSharedKey", "advancedThreatProtectionOnboardingBlob", "kioskModeExitCode"];
    const raw = Object.fromEntries(names.map((name) => [name, "hunter2"]));
    const text = JSON.stringify(bodyOf("deviceConfiguration", raw));
    expect(text).not.toMatch(/hunter2|\*\*\*\*|secretReferenceValueId/);
    expect(text.match(/"\$secret":true/g)).toHaveLength(1 + names.length);
    const hidden = bodyOf("configurationPolicy", {
      settings: [
        {
          settingInstance: {
            settingDefinitionId: "x",
            simpleSettingValue: {
              "@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
              value: "0f3c-token",
              valueState: "encryptedValueToken",
            },
          },
        },
      ],
    });
    expect(JSON.stringify(hidden)).not.toContain("token");
  });

  test("a script is kept as its text with the line ends of today, and goes back as it was but for those", () => {
    const script = "Write-Host 'é'\r\nexit 0\r\n";
    const scriptContent = Buffer.from(script).toString("base64");
    const { item } = made("deviceManagementScript", {
      id: "x",
      displayName: "x",
      assignments: [],
      scriptContent,
    });
    expect(item.body["scriptContent"]).toEqual({ $text: script.replaceAll("\r\n", "\n") });
    const back = resolveForWrite(item.body, {
      mapped: () => undefined,
      byId: () => undefined,
      byName: () => [],
    });
    expect(back).toMatchObject({
      ok: true,
      body: { scriptContent: Buffer.from(script.replaceAll("\r\n", "\n")).toString("base64") },
    });
    const binary = Buffer.from([0xff, 0xfe, 0]).toString("base64");
    expect(
      made("deviceManagementScript", { scriptContent: binary }).item.body["scriptContent"],
    ).toBe(binary);
  });

  test("half characters are mended, since no hash can be made of them", () => {
    expect(bodyOf("group", { displayName: "a\ud800" })["displayName"]).toBe("a\ufffd");
  });
});

const flaw = (key: string, change: JsonObject) =>
  made(key, { ...sample(key), ...change }).entry.flaw;

describe("an item that was read in part", () => {
  test("is marked where fewer settings came than were counted", () => {
    expect(flaw("configurationPolicy", { settingCount: 2 })).toEqual({
      reason: "incompleteRead",
      detail: "Of its 2 settings only 1 were read.",
    });
    expect(flaw("configurationPolicy", { settingCount: 1 })).toBeUndefined();
  });

  test("is marked where a list, or its assignments, did not come at all", () => {
    expect(flaw("configurationPolicy", { settings: null })?.reason).toBe("incompleteRead");
    expect(flaw("deviceConfiguration", { assignments: null })?.reason).toBe("incompleteRead");
  });

  test("is marked where a page has a next one, however deep", () => {
    const next = { "settings@odata.nextLink": "https://graph.microsoft.com/beta/x?$skip=1" };
    expect(flaw("configurationPolicy", next)?.detail).toContain("settings");
    expect(flaw("deviceConfiguration", { omaSettings: [next] })?.reason).toBe("incompleteRead");
  });
});

const fixed = (key: string, change: JsonObject) =>
  made(key, { ...sample(key), ...change }).entry.fixed;

describe("what nobody may change", () => {
  test.each([
    ["group", { onPremisesSyncEnabled: true }, "readOnlyItem"],
    ["group", { mailEnabled: true }, "readOnlyItem"],
    ["roleScopeTag", { id: "0", isBuiltIn: true }, "builtIn"],
    ["authenticationStrength", { policyType: "builtIn" }, "builtIn"],
    ["conditionalAccessPolicy", { displayName: "Microsoft-managed: Block" }, "managedByMicrosoft"],
  ])("is said of %s", (key, change, reason) => {
    expect(fixed(key, change)?.reason).toBe(reason);
    expect(fixed(key, {})).toBeUndefined();
  });

  test("of a policy that Microsoft manages, state and exclusions may be", () => {
    const managed = fixed("conditionalAccessPolicy", { displayName: "Microsoft-managed: Block" });
    expect(managed?.except).toContain("state");
    expect(managed?.except).toContain("conditions.users.excludeGroups");
    expect(managed?.except).not.toContain("conditions.users.includeGroups");
  });
});

const group = (id: string, displayName: string) =>
  made("group", { ...sample("group"), id, displayName });
const keys = (items: Parameters<typeof keyed>[0], known: Record<string, string> = {}) =>
  keyed(items, new Map(Object.entries(known))).map(({ item, entry }) => [
    item.id,
    item.key,
    entry.key === item.key && entry.flaw?.reason,
  ]);

describe("keys", () => {
  test("are made of the name and what else tells items apart", () => {
    expect(made("namedLocation", sample("namedLocation")).item.key).toBe(
      "Office / ipNamedLocation",
    );
    expect(made("configurationPolicy", sample("configurationPolicy")).item.key).toBe(
      "Firewall / windows10 / mdm / ",
    );
    const role = made("pimRoleSettings", sample("pimRoleSettings"));
    expect(role.item.key).toBe("62e90394-69f5-4237-9190-012177145e10");
    expect(role.item.name).toBe("directoryRole 10");
  });

  test("of items that are called alike are told apart, and both are marked", () => {
    expect(keys([group("2", "A"), group("1", "A"), group("3", "A#2"), group("4", "B")])).toEqual([
      ["1", "A", "duplicateName"],
      ["2", "A#3", "duplicateName"],
      ["3", "A#2", undefined],
      ["4", "B", undefined],
    ]);
  });

  test("stay with the item that had them: a new name is no new item", () => {
    expect(keys([group("1", "New"), group("2", "A")], { 1: "Old" })).toEqual([
      ["1", "Old", undefined],
      ["2", "A", undefined],
    ]);
    expect(keys([group("1", "A"), group("2", "A")], { 2: "A" })).toEqual([
      ["1", "A#2", "duplicateName"],
      ["2", "A", undefined],
    ]);
  });
});

const faults = (key: string, change: JsonObject) =>
  schemaFaults(named(key), { ...bodyOf(key), ...change }).map(({ pointer }) => pointer);

describe("an edit by a person", () => {
  test.each([["text"], [7], [null], [[]], [undefined], [() => 1]])("%o is no object", (body) => {
    expect(schemaFaults(named("group"), body)).toMatchObject([{ pointer: "" }]);
  });

  test.each([
    [
      "a reference to an unknown kind",
      "conditionalAccessPolicy",
      { grantControls: { termsOfUse: [{ $ref: "moon", name: "x" }] } },
      "/grantControls/termsOfUse/0/$ref",
    ],
    [
      "a reference to nothing",
      "deviceConfiguration",
      { assignments: [{ target: { groupId: { $ref: "group" } } }] },
      "/assignments/0/target/groupId",
    ],
    [
      "a reference with more in it",
      "deviceConfiguration",
      { a: { $ref: "group", name: "x", b: 1 } },
      "/a/b",
    ],
    [
      "the id of one tenant's group",
      "conditionalAccessPolicy",
      withUsers({ includeGroups: [pilots] }),
      "/conditions/users/includeGroups/0",
    ],
    ["a type that is none", "namedLocation", { "@odata.type": "ip" }, "/@odata.type"],
    [
      "a type of something else",
      "namedLocation",
      { "@odata.type": "#microsoft.graph.group" },
      "/@odata.type",
    ],
    ["no name", "group", { displayName: " " }, "/displayName"],
    ["a property that is not kept", "group", { version: 3 }, "/version"],
    ["a secret", "deviceConfiguration", { preSharedKey: "hunter2" }, "/preSharedKey"],
    ...[
      { deviceAndAppManagementAssignmentFilterId: { $ref: "assignmentFilter", name: "Kiosks" } },
      { deviceAndAppManagementAssignmentFilterType: "exclude" },
    ].map(
      (target) =>
        [
          "a filter by half",
          "deviceConfiguration",
          { assignments: [{ target }] },
          "/assignments/0/target/deviceAndAppManagementAssignmentFilterType",
        ] as const,
    ),
    [
      "no actions for what does not comply",
      "deviceCompliancePolicy",
      { scheduledActionsForRule: [] },
      "/scheduledActionsForRule",
    ],
  ] as const)("is refused with its place: %s", (_, key, change, pointer) => {
    expect(faults(key, change)).toContain(pointer);
  });
});
