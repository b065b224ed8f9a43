/** The catalogue as a whole: rules that hold for every entry, by what Microsoft says of Graph where that lies beside. */
import { describe, expect, test } from "vitest";
import { workloads } from "../../../../shared/graph/throttle.ts";
import {
  configurationTypes,
  requiredPermissions,
  typeOf,
  typeOfFamily,
} from "../../../../shared/sync/catalogue/catalogue.ts";
import type { ConfigurationType } from "../../../../shared/sync/catalogue/configuration-type.ts";
import { exists, isDescribed, itemSchemas, readOnlyKept } from "./description.ts";
import { samples } from "./samples.ts";

/** Names of permissions as Microsoft lists them for these types. */
const permissionNames = [
  "AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All Agreement.Read.All Agreement.ReadWrite.All",
  "Application.Read.All Application.ReadWrite.All AuthenticationContext.Read.All",
  "AuthenticationContext.ReadWrite.All DeviceManagementApps.Read.All DeviceManagementApps.ReadWrite.All",
  "DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All",
  "DeviceManagementRBAC.Read.All DeviceManagementRBAC.ReadWrite.All DeviceManagementScripts.Read.All",
  "DeviceManagementScripts.ReadWrite.All DeviceManagementServiceConfig.Read.All",
  "DeviceManagementServiceConfig.ReadWrite.All Directory.Read.All Directory.ReadWrite.All Group.Read.All",
  "Group.ReadWrite.All GroupSettings.Read.All GroupSettings.ReadWrite.All Policy.Read.All",
  "Policy.Read.AuthenticationMethod Policy.Read.DeviceConfiguration Policy.Read.PermissionGrant",
  "Policy.ReadWrite.ApplicationConfiguration Policy.ReadWrite.AuthenticationMethod",
  "Policy.ReadWrite.Authorization Policy.ReadWrite.ConditionalAccess Policy.ReadWrite.ConsentRequest",
  "Policy.ReadWrite.CrossTenantAccess Policy.ReadWrite.DeviceConfiguration",
  "Policy.ReadWrite.PermissionGrant Policy.ReadWrite.SecurityDefaults RoleManagement.Read.All",
  "RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory",
  "RoleManagementPolicy.Read.Directory RoleManagementPolicy.ReadWrite.Directory",
  "SharePointTenantSettings.Read.All SharePointTenantSettings.ReadWrite.All User.Read.All",
  "User.ReadBasic.All",
].flatMap((line) => line.split(" "));

const eachType = configurationTypes.map((type) => [type.key, type] as const);

const placesOf = (type: ConfigurationType): string[] => [
  ...type.drops,
  ...type.sets,
  ...type.emptyIsNothing,
  ...Object.keys(type.keyedLists ?? {}),
  ...Object.entries(type.keyedLists ?? {}).map(([list, key]) => `${list}[].${key}`),
  ...(type.secrets ?? []),
  ...(type.immutable ?? []),
  ...type.references.map(({ at }) => at.replace(/\[\]$/, "")),
  ...type.keyedBy,
];

/** What the description does not know, and stands in entries all the same. */
const beyondDescription = [
  // Each object may say its type.
  /(^|\.)@odata\.type$/,
  // Some kinds of assignments have a source, and entries drop it wherever it comes.
  /^assignments\[\]\.source(Id)?$/,
  // Shown by the service; the description is older, or newer.
  /^(privacyAccessControls|groupAssignments)$/,
  /companionAppAllowedState/,
];

describe("every entry of the catalogue", () => {
  test("there are the thirty rows of types, of which fourteen are written", () => {
    // Scripts are three types of one row, app protection and configuration too, enrollment is two.
    expect(configurationTypes).toHaveLength(30 + 2 + 1 + 2);
    expect(new Set(configurationTypes.map(({ key }) => key)).size).toBe(configurationTypes.length);
    const written = configurationTypes.filter(({ isWritten }) => isWritten);
    expect(written.map(({ key }) => key).toSorted()).toEqual(Object.keys(samples).toSorted());
    expect(written).toHaveLength(14);
  });

  test.each(eachType)("%s has names in both languages, and is found by its key", (key, type) => {
    expect(typeOf(key)).toBe(type);
    expect(key).toMatch(/^[a-z][A-Za-z]+$/);
    for (const name of Object.values(type.names)) expect(name).toMatch(/^\p{Lu}.{2,}/u);
    expect(type.names.en).not.toBe(type.names.fr);
  });

  test.each(eachType)("%s asks for permissions that exist, the smallest first", (_, type) => {
    for (const row of [...type.permissions.read, ...type.permissions.write]) {
      expect(row.length).toBeGreaterThan(0);
      for (const name of row) expect(permissionNames).toContain(name);
    }
    for (const [first] of type.permissions.read) expect(first).not.toContain("Write");
    for (const name of Object.values(type.workloads))
      expect(Object.keys(workloads)).toContain(name);
  });

  test.each(eachType)(
    "%s is written after what its references name, so that whoever waits for names never waits in a circle",
    (_, type) => {
      for (const { family: named } of type.references) {
        const other = typeOfFamily(named);
        if (other === undefined || other === type) continue;
        expect(other.tier).toBeLessThan(type.tier);
      }
    },
  );

  test.each(eachType)("%s names no property both as kept and as dropped", (_, type) => {
    const kept = [...type.sets, ...type.keyedBy, ...type.references.map(({ at }) => at)];
    for (const dropped of type.drops)
      expect(kept.filter((place) => place === dropped || place.startsWith(`${dropped}.`))).toEqual(
        [],
      );
    expect(type.kind === "singleton").toBe(type.keyedBy.length === 0);
    expect(type.item.includes("{id}")).toBe(type.kind === "list");
    const isExpanded = type.contentIn === "expand";
    expect(isExpanded).toBe(/[?&]\$expand=/.test(type.list));
    expect(type.item.includes("assignments")).toBe(type.assignedAs !== undefined);
  });

  test.skipIf(!isDescribed).each(eachType)("%s names places that Graph has", (key, type) => {
    // Terms of use are in no description here.
    if (key === "termsOfUse") return;
    const items = itemSchemas(type);
    expect(items.length).toBeGreaterThan(0);
    expect(
      placesOf(type).filter(
        (place) => !beyondDescription.some((known) => known.test(place)) && !exists(items, place),
      ),
    ).toEqual([]);
  });
});

/** What is kept all the same: it tells items and their parts apart, is not asked for, or is handled elsewhere. */
const keptReadOnly: Readonly<Record<string, readonly string[]>> = {
  conditionalAccessPolicy: ["grantControls.authenticationStrength.id"],
  crossTenantAccessPartner: ["identitySynchronization.tenantId"],
  groupSettings: ["templateId"],
  pimRoleSettings: ["policy.rules.id"],
  // Secrets are known by these, and they go with them.
  deviceConfiguration: ["omaSettings.isEncrypted", "omaSettings.secretReferenceValueId"],
};

describe("what Graph calls read-only", () => {
  // Of groups only what is named is asked for.
  const types = eachType.filter(([key]) => key !== "group");
  test.skipIf(!isDescribed).each(types)("%s keeps none of it", (key, type) => {
    expect(readOnlyKept(type)).toEqual(keptReadOnly[key] ?? []);
  });
});

const named = (keys: readonly string[], mode: "read" | "write") =>
  requiredPermissions(
    configurationTypes.filter(({ key }) => keys.includes(key)),
    mode,
  );

describe("the permissions of a selection", () => {
  test("say for each which types need it, once", () => {
    const needs = named(["namedLocation", "securityDefaults", "authorizationPolicy"], "read");
    expect(needs).toEqual([
      {
        name: "Policy.Read.All",
        anyOf: ["Policy.Read.All"],
        by: "app",
        types: ["namedLocation", "authorizationPolicy", "securityDefaults"],
      },
    ]);
  });

  test("to write ask for more than to read, and of a person what an app is not given", () => {
    expect(named(["pimRoleSettings"], "read").every(({ by }) => by === "app")).toBe(true);
    const write = named(["pimRoleSettings"], "write");
    expect(write.filter(({ by }) => by === "user").map(({ name }) => name)).toEqual([
      "RoleManagementPolicy.ReadWrite.Directory",
    ]);
    expect(named(["termsOfUse"], "read").map(({ by }) => by)).toEqual(["user"]);
  });

  test("never ask for writing a type that is compared only", () => {
    const compared = configurationTypes.filter(({ isWritten }) => !isWritten);
    expect(requiredPermissions(compared, "write")).toEqual(requiredPermissions(compared, "read"));
  });

  test("include what it takes to name the things that are referred to", () => {
    const names = named(["conditionalAccessPolicy"], "read").map(({ name }) => name);
    expect(names).toContain("Group.Read.All");
    expect(names).toContain("Application.Read.All");
    expect(names).toContain("AuthenticationContext.Read.All");
    expect(names).not.toContain("Agreement.Read.All");
  });
});
