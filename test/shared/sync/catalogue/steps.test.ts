/** Requests that changes take, of every written type: methods that Graph has, and nothing sent that did not change. */
import { describe, expect, test } from "vitest";
import {
  configurationTypes,
  refusalOf,
  stepsOf,
  typeOf,
} from "../../../../shared/sync/catalogue/catalogue.ts";
import type {
  ConfigurationType,
  ItemWrite,
} from "../../../../shared/sync/catalogue/configuration-type.ts";
import { canonical } from "../../../../shared/sync/items/canonical.ts";
import type { Json, JsonObject } from "../../../../shared/sync/items/json.ts";
import { resolveForWrite } from "../../../../shared/sync/items/references.ts";
import { isDescribed, methodsAt, unknownIn } from "./description.ts";
import { pilots, samples, toAll, toGroup } from "./samples.ts";

const named = (key: string): ConfigurationType => {
  const type = typeOf(key);
  if (type === undefined) throw new Error(`no type ${key}`);
  return type;
};

/** A sample as Graph would take it. */
function bodyOf(type: ConfigurationType, raw: JsonObject = samples[type.key] ?? {}): JsonObject {
  const { item } = canonical(type, raw, (_, id) => ({ name: id }));
  const resolved = resolveForWrite(item.body, {
    mapped: ({ id }) => id,
    byId: () => undefined,
    byName: () => [],
  });
  if (!resolved.ok) throw new Error("the sample names what is not there");
  return resolved.body;
}

const idOf = (key: string): string => samples[key]?.["id"] as string;

/** An update of a sample from its own body to one with other properties; undefined takes one away. */
function update(key: string, change: Readonly<Record<string, Json | undefined>>): ItemWrite {
  const before = bodyOf(named(key));
  const after = Object.fromEntries(
    Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined),
  ) as JsonObject;
  const write = { action: "update", id: idOf(key), before, after } as const;
  return { ...write, changed: Object.keys(change), raw: samples[key] ?? {} };
}

const steps = (key: string, write: ItemWrite) => stepsOf(named(key), write);

const creation = (key: string): ItemWrite => {
  const after = bodyOf(named(key));
  return { action: "create", after, changed: Object.keys(after) };
};
const deletion = (key: string): ItemWrite => {
  const before = bodyOf(named(key));
  return { action: "delete", id: idOf(key), before, changed: Object.keys(before) };
};
const change = (key: string): ItemWrite => {
  const immutable = named(key).immutable ?? [];
  const before = bodyOf(named(key));
  const changes = Object.entries(before).flatMap(([name, value]): [string, Json][] =>
    name.startsWith("@") || immutable.includes(name) ? [] : [[name, altered(value)]],
  );
  return update(key, Object.fromEntries(changes));
};

/** Another value of the same form. */
function altered(value: Json): Json {
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "boolean") return !value;
  if (Array.isArray(value)) return value.map(altered);
  if (typeof value !== "object" || value === null) return 7;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      /^(id|@odata\.type|settingDefinitionId)$/.test(name) ? one : altered(one),
    ]),
  );
}

const written = configurationTypes.filter(({ isWritten }) => isWritten);
const writes = written.flatMap((type) =>
  [creation(type.key), change(type.key), deletion(type.key)].map(
    (write) => [`${write.action} of ${type.key}`, type, write] as const,
  ),
);

const isRefused = ([, type, write]: (typeof writes)[number]): boolean =>
  refusalOf(type, write) !== undefined;
const refusals = writes.filter(isRefused);
const allowed = writes.filter((each) => !isRefused(each));

const rulesWith = (isContext: boolean): JsonObject => ({
  policy: {
    rules: [
      {
        "@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyAuthenticationContextRule",
        id: "AuthenticationContext_EndUser_Assignment",
        isEnabled: isContext,
      },
      {
        "@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyEnablementRule",
        id: "Enablement_EndUser_Assignment",
        enabledRules: isContext ? [] : ["MultiFactorAuthentication"],
      },
    ],
  },
});

describe("the requests of a change", () => {
  test.skipIf(!isDescribed).each(allowed)(
    "%s takes methods that Graph has there",
    (_, type, write) => {
      const taken = stepsOf(type, write);
      expect(taken).not.toEqual([]);
      for (const { method, path } of taken) {
        // In no description: the service replaces a whole policy, and other tools rely on it.
        if (method === "PUT" && path.startsWith("/deviceManagement/configurationPolicies('"))
          continue;
        expect({ path, methods: methodsAt(path.replaceAll("{id}", "x")) }).toEqual({
          path,
          methods: expect.arrayContaining([method.toLowerCase()]),
        });
      }
    },
  );

  test.skipIf(!isDescribed).each(allowed)(
    "%s sends nothing that Graph does not know there",
    (_, type, write) => {
      const unknown = stepsOf(type, write).flatMap(({ method, path, body }) =>
        body === undefined || method === "PUT"
          ? []
          : unknownIn(method, path.replaceAll("{id}", "x"), body),
      );
      expect(unknown).toEqual([]);
    },
  );

  test("what no request changes is refused, and not waited for", () => {
    const write = update("authenticationStrength", { somethingNew: true });
    expect(refusalOf(named("authenticationStrength"), write)?.reason).toBe("notChangeable");
  });

  test.each(refusals)("%s is refused with words", (_, type, write) => {
    expect(refusalOf(type, write)?.detail).toMatch(/^[A-Z].*\.$/);
    expect(() => stepsOf(type, write)).toThrow(type.key);
  });

  test.each(allowed)("%s leads nowhere but to its own item", (_, type, write) => {
    for (const { path, body } of stepsOf(type, write)) {
      expect(path).not.toMatch(/undefined|\?/);
      expect(JSON.stringify(body) ?? "").not.toContain("$ref");
    }
  });

  test("only what changed is sent, with the type that Graph wants to see again", () => {
    expect(steps("namedLocation", update("namedLocation", { displayName: "Home" }))).toEqual([
      {
        method: "PATCH",
        path: `/identity/conditionalAccess/namedLocations/${idOf("namedLocation")}`,
        body: { "@odata.type": "#microsoft.graph.ipNamedLocation", displayName: "Home" },
      },
    ]);
  });

  test("what is taken away is cleared by name, inside of complex properties too", () => {
    const conditions = bodyOf(named("conditionalAccessPolicy"))["conditions"] as JsonObject;
    const { locations: _, users, ...rest } = conditions as Record<string, JsonObject>;
    const write = update("conditionalAccessPolicy", {
      conditions: { ...rest, users: { includeUsers: ["All"] } },
      sessionControls: undefined,
    });
    const [step] = steps("conditionalAccessPolicy", write);
    expect(users).toBeDefined();
    expect(step?.body).toEqual({
      conditions: {
        clientAppTypes: ["all"],
        applications: { includeApplications: ["All"] },
        users: { includeUsers: ["All"], includeGroups: [], includeRoles: [] },
        locations: null,
      },
      sessionControls: null,
    });
  });

  test("a new policy of conditional access is born in report-only mode", () => {
    const taken = steps("conditionalAccessPolicy", creation("conditionalAccessPolicy"));
    expect(taken.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /identity/conditionalAccess/policies",
      "PATCH /identity/conditionalAccess/policies/{id}",
    ]);
    expect(taken.map(({ body }) => (body as JsonObject)["state"])).toEqual([
      "enabledForReportingButNotEnforced",
      "enabled",
    ]);
  });

  test("a trusted location and a context on offer lose that before they are deleted", () => {
    expect(steps("namedLocation", deletion("namedLocation"))).toMatchObject([
      { method: "PATCH", body: { isTrusted: false } },
      { method: "DELETE" },
    ]);
    expect(steps("authenticationContext", deletion("authenticationContext"))).toEqual([
      { method: "PATCH", path: expect.stringMatching(/\/c3$/), body: { isAvailable: false } },
      { method: "DELETE", path: expect.stringMatching(/\/c3$/) },
    ]);
  });

  test("a context gets the first free id, and none where all are taken", () => {
    const write = { ...creation("authenticationContext"), taken: ["c1", "c3"] };
    expect(steps("authenticationContext", write)[0]?.body).toMatchObject({ id: "c2" });
    const full = { ...write, taken: Array.from({ length: 99 }, (_, at) => `c${at + 1}`) };
    expect(refusalOf(named("authenticationContext"), full)?.reason).toBe("quotaExceeded");
  });

  test("combinations of a strength go by their own calls, their conditions replaced", () => {
    const write = update("authenticationStrength", {
      allowedCombinations: ["fido2"],
      combinationConfigurations: undefined,
    });
    expect(steps("authenticationStrength", write)).toMatchObject([
      { method: "POST", path: expect.stringMatching(/updateAllowedCombinations$/) },
      { method: "DELETE", path: expect.stringMatching(/combinationConfigurations\/0a1b2c3d/) },
    ]);
  });

  test("each method that changed is written by itself, and only what changed of it", () => {
    const before = bodyOf(named("authenticationMethodsPolicy"));
    const methods = before["authenticationMethodConfigurations"] as readonly JsonObject[];
    const write = update("authenticationMethodsPolicy", {
      authenticationMethodConfigurations: methods.map((one) =>
        one["id"] === "Sms" ? { ...one, state: "enabled" } : one,
      ),
    });
    expect(steps("authenticationMethodsPolicy", write)).toEqual([
      {
        method: "PATCH",
        path: "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/Sms",
        body: {
          "@odata.type": "#microsoft.graph.smsAuthenticationMethodConfiguration",
          state: "enabled",
        },
      },
    ]);
  });

  test("of MFA and a context, PIM lets go of one before it asks for the other", () => {
    for (const isContext of [true, false]) {
      const bodies = { before: rulesWith(!isContext), after: rulesWith(isContext) };
      const write = { action: "update", id: "a_b", changed: ["policy"], ...bodies } as const;
      const paths = steps("pimRoleSettings", write).map(({ path }) => path.split("/").at(-1));
      const names = ["Enablement_EndUser_Assignment", "AuthenticationContext_EndUser_Assignment"];
      expect(paths).toEqual(isContext ? names : names.toReversed());
    }
  });

  test("a rule of PIM that nobody names stays as it is", () => {
    const type = named("pimRoleSettings");
    const actual = bodyOf(type);
    const [first, ...others] = (actual["policy"] as { rules: JsonObject[] }).rules;
    const desired = { ...actual, policy: { rules: others } };
    const whole = type.complete?.(desired, actual) ?? desired;
    expect(whole).toEqual({ ...actual, policy: { rules: [...others, first] } });
    expect(type.complete?.(actual, actual)).toBe(actual);
  });

  test("a group that a certificate authority is for is a reference", () => {
    const methods = [
      {
        "@odata.type": "#microsoft.graph.x509CertificateAuthenticationMethodConfiguration",
        id: "X509Certificate",
        certificateAuthorityScopes: [
          { subjectKeyIdentifier: "aa", includeTargets: [{ targetType: "group", id: pilots }] },
        ],
      },
    ];
    const raw = { id: "x", authenticationMethodConfigurations: methods };
    const { item } = canonical(named("authenticationMethodsPolicy"), raw, () => ({ name: "P" }));
    expect(JSON.stringify(item.body)).toContain(
      `"includeTargets":[{"id":{"$ref":"group","id":"${pilots}","name":"P"}`,
    );
  });

  test("a rule of PIM is written at the tenant's policy, with its type", () => {
    const policy = bodyOf(named("pimRoleSettings"))["policy"] as JsonObject;
    const rules = (policy["rules"] as readonly JsonObject[]).map((rule) =>
      rule["id"] === "Expiration_EndUser_Assignment" ? { ...rule, maximumDuration: "PT8H" } : rule,
    );
    const { raw: _, ...write } = update("pimRoleSettings", { policy: { rules } });
    const id = idOf("pimRoleSettings");
    expect(steps("pimRoleSettings", write)).toEqual([
      {
        method: "PATCH",
        path: `/policies/roleManagementPolicies/${id.slice(0, id.lastIndexOf("_"))}/rules/Expiration_EndUser_Assignment`,
        body: {
          "@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyExpirationRule",
          maximumDuration: "PT8H",
        },
      },
    ]);
  });

  test("assignments go by themselves, and an item without any says so", () => {
    const taken = steps(
      "deviceConfiguration",
      update("deviceConfiguration", { assignments: undefined }),
    );
    expect(taken).toEqual([
      {
        method: "POST",
        path: expect.stringMatching(/\/assign$/),
        body: { assignments: [] },
      },
    ]);
    const created = steps("configurationPolicy", creation("configurationPolicy"));
    expect(created.map(({ path }) => path)).toEqual([
      "/deviceManagement/configurationPolicies",
      "/deviceManagement/configurationPolicies/{id}/assign",
    ]);
    expect(created[0]?.body).not.toHaveProperty("assignments");
  });

  test("dropping All users keeps All devices", () => {
    const type = named("deviceCompliancePolicy");
    const after = bodyOf(type, {
      ...samples["deviceCompliancePolicy"],
      assignments: [toAll("allDevices")],
    });
    const write = update("deviceCompliancePolicy", { assignments: after["assignments"] });
    expect(steps("deviceCompliancePolicy", write)[0]?.body).toEqual({
      assignments: [{ target: { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } }],
    });
  });

  test("what happens to devices that do not comply goes by its own call, never in the PATCH", () => {
    const write = change("deviceCompliancePolicy");
    const [patch, actions] = steps("deviceCompliancePolicy", write).toSorted((a, b) =>
      a.method < b.method ? -1 : 1,
    );
    expect(patch?.body).not.toHaveProperty("scheduledActionsForRule");
    expect(patch?.body).not.toHaveProperty("assignments");
    expect([patch?.method, actions?.method]).toEqual(["PATCH", "POST"]);
  });

  test("settings are replaced with the whole policy; its name alone is patched", () => {
    const methodsOf = (write: ItemWrite) =>
      steps("configurationPolicy", write).map(({ method }) => method);
    expect(methodsOf(update("configurationPolicy", { description: "x" }))).toEqual(["PATCH"]);
    const { settings } = bodyOf(named("configurationPolicy")) as { settings: Json };
    const write = update("configurationPolicy", { settings: altered(settings) });
    expect(methodsOf(write)).toEqual(["PUT"]);
    expect(steps("configurationPolicy", write)[0]?.body).toMatchObject({
      name: "Firewall",
      platforms: "windows10",
      roleScopeTagIds: ["0"],
    });
  });

  test("a secret that Graph gives to nobody is never overwritten by its placeholder", () => {
    const type = named("deviceConfiguration");
    const changed = change("deviceConfiguration");
    expect(refusalOf(type, changed)?.reason).toBe("secretUnavailable");
    expect(refusalOf(type, creation("deviceConfiguration"))?.reason).toBe("secretUnavailable");
    expect(refusalOf(type, update("deviceConfiguration", { displayName: "x" }))).toBeUndefined();
  });

  test("what is set at creation only is refused as a change", () => {
    const write = update("group", { isAssignableToRole: true });
    expect(refusalOf(named("group"), write)?.reason).toBe("notChangeable");
    expect(refusalOf(named("group"), deletion("group"))?.reason).toBe("notChangeable");
  });

  test("a group gets a nickname, since Graph wants one", () => {
    const [step] = steps("group", creation("group"));
    expect(step?.body).toMatchObject({
      displayName: "Pilots",
      mailNickname: "Pilots",
      mailEnabled: false,
      securityEnabled: true,
    });
    const after = { displayName: "日本" };
    const [other] = steps("group", { action: "create", after, changed: ["displayName"] });
    expect(other?.body).toMatchObject({ mailNickname: "group" });
  });

  test("clearing the scope tags brings back the default one", () => {
    const write: ItemWrite = {
      action: "update",
      id: "x",
      before: { displayName: "x", roleScopeTagIds: ["4"], assignments: [toGroup(pilots)] },
      after: { displayName: "x", assignments: [toGroup(pilots)] },
      changed: ["roleScopeTagIds"],
    };
    expect(steps("deviceConfiguration", write)[0]?.body).toEqual({ roleScopeTagIds: ["0"] });
  });
});
