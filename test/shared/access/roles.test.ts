import { describe, expect, test } from "vitest";
import { operations } from "../../../functions/functions.ts";
import { requirementOf, requirements } from "../../../shared/access/roles/requirements.ts";
import {
  actionPermissions,
  builtInRoles,
  type Permission,
  permissionNames,
  permissions,
  withImplied,
} from "../../../shared/access/roles/roles.ts";
import { catalogue } from "../../../shared/devices/actions/catalogue.ts";

/** Microsoft's client notification page, role by role: who holds which action permission by default. */
const page = {
  fullAdministrator: ["install", "script", "pivot", "notify", "protect"],
  operationsAdministrator: ["install", "script", "pivot", "protect"],
  infrastructureAdministrator: ["install", "script", "pivot", "notify"],
  applicationAdministrator: ["install"],
  osDeploymentManager: ["install"],
  endpointProtectionManager: ["protect"],
  // Not on the page: CMPivot's own page gives it Run CMPivot (docs/decisions/0010).
  securityAdministrator: ["pivot"],
  readOnlyAnalyst: [],
  partner: [],
  // Not on the page either: ours, for the app beside a site.
  relay: [],
} satisfies Record<string, readonly (keyof typeof words)[]>;

const words = {
  install: "modifyResource",
  script: "runScript",
  pivot: "runCMPivot",
  notify: "notifyResource",
  protect: "enforceSecurity",
} as const;

const holds = (roleId: string, needed: readonly Permission[]): boolean => {
  const role = builtInRoles.find((one) => one.roleId === roleId);
  const held = withImplied(role?.permissions ?? []);
  return needed.every((permission) => held.has(permission));
};

describe("built-in roles", () => {
  test("are the ten of the table", () => {
    expect(builtInRoles.map(({ roleId }) => roleId).toSorted()).toEqual(
      Object.keys(page).toSorted(),
    );
  });

  test("have names in both languages, Microsoft's French ones where its page has them", () => {
    const french = new Map(builtInRoles.map(({ roleId, names }) => [roleId, names?.fr]));
    expect([...french.values()]).not.toContain(undefined);
    expect(Object.fromEntries(french)).toMatchObject({
      applicationAdministrator: "Administrateur de l'application",
      fullAdministrator: "Administrateur complet",
      infrastructureAdministrator: "Administrateur d'infrastructure",
      operationsAdministrator: "Administrateur d'opérations",
      osDeploymentManager: "Gestionnaire de déploiement de système d’exploitation",
      endpointProtectionManager: "Gestionnaire Endpoint Protection",
    });
    for (const { name, names } of builtInRoles) expect(names?.en).toBe(name);
  });

  test.each(Object.entries(page))("%s may send exactly %j", (roleId, expected) => {
    const able = Object.entries(words).filter(([, word]) => holds(roleId, actionPermissions[word]));
    expect(able.map(([name]) => name)).toEqual(expected);
  });

  test("the full administrator holds everything", () => {
    expect(new Set(builtInRoles[0]?.permissions)).toEqual(new Set(permissionNames));
  });

  test("the analyst holds what reads, and nothing that changes", () => {
    const held = builtInRoles.find(({ roleId }) => roleId === "readOnlyAnalyst")?.permissions ?? [];
    expect(held.filter((name) => !name.endsWith(".read"))).toEqual([]);
  });

  test("the partner holds registration and sees relationships, and holds nothing else", () => {
    const held = builtInRoles.find(({ roleId }) => roleId === "partner")?.permissions ?? [];
    const others = held.filter((name) => !name.startsWith("registration."));
    expect(others).toEqual(["relationships.read"]);
  });

  test("the relay holds what a relay does, and nothing else", () => {
    const held = builtInRoles.find(({ roleId }) => roleId === "relay")?.permissions;
    expect(held).toEqual(["sites.relay"]);
    const others = builtInRoles.filter(({ permissions: all }) => all.includes("sites.relay"));
    expect(others.map(({ roleId }) => roleId)).toEqual(["fullAdministrator", "relay"]);
  });

  test("only the full administrator manages access, approvals and tenants' arrival", () => {
    const sole = ["access.manage", "approvals.manage", "tenants.add"] as const;
    const holders = builtInRoles.filter((role) =>
      sole.some((one) => role.permissions.includes(one)),
    );
    expect(holders.map(({ roleId }) => roleId)).toEqual(["fullAdministrator"]);
  });
});

test("every action of the catalogue has its permissions", () => {
  for (const { permission } of catalogue) expect(actionPermissions).toHaveProperty(permission);
});

test("installing the client takes Modify Resource and Read", () => {
  expect(actionPermissions.modifyResource).toEqual(["devices.modifyResource", "devices.read"]);
});

test("what a permission implies exists, and reaches no further than the permission itself", () => {
  const narrow = { collection: 0, tenant: 1, global: 2 };
  for (const { scope, implies = [] } of Object.values(permissions))
    for (const name of implies)
      expect(narrow[permissions[name as Permission].scope]).toBeLessThanOrEqual(narrow[scope]);
});

describe("requirements", () => {
  test.each(operations.map(({ name }) => name))("%s is listed", (name) => {
    expect(requirementOf(name)).toBeDefined();
  });

  test("are anonymous for health, the API document and the two callbacks, and nothing else", () => {
    const listed = Object.keys(requirements).filter(
      (name) => requirementOf(name)?.kind === "anonymous",
    );
    expect(listed).toEqual([
      "health",
      "ready",
      "openapi",
      "callbacks-sign-in",
      "callbacks-consent",
    ]);
    const open = operations.filter(({ anonymous }) => anonymous).map(({ name }) => name);
    expect(listed).toEqual(expect.arrayContaining(open));
  });

  test.each(operations.map(({ name, path }) => ({ name, path, requirement: requirementOf(name) })))(
    "$name asks about nothing that its path does not name",
    ({ path, requirement }) => {
      const on = requirement?.kind === "permission" ? requirement.on : undefined;
      const named = {
        global: true,
        tenant: path.includes("{tenantId}"),
        collection: path.includes("{collectionId}"),
      };
      expect(on === undefined || named[on]).toBe(true);
      // What lies below a tenant is never asked about globally: that would let a tenant's guests in.
      expect(on === "global" && path.includes("{tenantId}")).toBe(false);
    },
  );

  test.each(["toString", "__proto__", "constructor", "nothing"])("%s is no operation", (name) => {
    expect(requirementOf(name)).toBeUndefined();
  });
});
