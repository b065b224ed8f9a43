/** Edits of roles and assignments by somebody, as values, and their way into the API. */
import { randomUUID } from "node:crypto";
import { type Arbitrary, constant, constantFrom, nat, oneof, record, subarray } from "fast-check";
import type { Scope } from "../../../../shared/access/roles/decide.ts";
import { builtInRoles, permissionNames } from "../../../../shared/access/roles/roles.ts";
import { home } from "../../../shared/access/entra.ts";
import { adminToken } from "../door.ts";
import type { Answer, AttackApp } from "./app.ts";
import type { Inhabited } from "./inhabited.ts";

/** The caller, somebody else, and the bootstrap administrator. */
export type Who = "ana" | "bo" | "admin";
type ScopeIn = (places: readonly Inhabited[]) => Scope;

export type Edit = { readonly by: Who } & (
  | {
      readonly kind: "assign";
      readonly slot: number;
      readonly to: "ana" | "anasGroup" | "bo";
      /** A built-in role, or a custom one by its slot. */
      readonly role: string | number;
      readonly scope: ScopeIn;
    }
  | { readonly kind: "revoke" | "removeRole"; readonly slot: number }
  | { readonly kind: "role"; readonly slot: number; readonly permissions: readonly string[] }
);

const slot = nat({ max: 2 });
const managing = ["access.manage", "access.read"] as const;
const few = subarray([...permissionNames], { minLength: 1, maxLength: 2 });
const some = subarray([...permissionNames], { minLength: 1, maxLength: 12 });
const builtIn = constantFrom(...builtInRoles.map(({ roleId }) => roleId));
const everywhere: ScopeIn = () => ({ kind: "everything" });

const anyScope: Arbitrary<ScopeIn> = oneof(
  constant(everywhere),
  constantFrom([0], [1], [0, 1]).map(
    (at): ScopeIn =>
      (places) => ({
        kind: "tenants",
        tenantIds: at.map((each) => places[each]?.tenantId ?? ""),
      }),
  ),
  subarray([0, 1, 2, 3], { minLength: 1 }).map(
    (at): ScopeIn =>
      (places) => ({
        kind: "collections",
        collections: at.map((each) => {
          const { tenantId = "", collections = ["", ""] } = places[each >> 1] ?? {};
          return { tenantId, collectionId: collections[each & 1] ?? "" };
        }),
      }),
  ),
);

/** Any edit, by any of these. */
export const anyEdit = (...people: readonly Who[]): Arbitrary<Edit> => {
  const by = constantFrom(...people);
  const assign = record({
    by,
    kind: constant("assign" as const),
    slot,
    to: constantFrom("ana" as const, "ana" as const, "anasGroup" as const, "bo" as const),
    role: oneof(slot, builtIn),
    scope: anyScope,
  });
  const role = record({
    by,
    kind: constant("role" as const),
    slot,
    permissions: oneof(
      few,
      some,
      some.map((each) => [...each, ...managing]),
    ),
  });
  const remove = record({ by, kind: constantFrom("revoke" as const, "removeRole" as const), slot });
  return oneof(
    { weight: 4, arbitrary: assign },
    { weight: 3, arbitrary: role },
    { weight: 1, arbitrary: remove },
  );
};

/** A beginning in which there is something to lose: Ana has a role, and Bo may manage what he holds. */
export const anyBeginning: Arbitrary<readonly Edit[]> = record({
  role: builtIn,
  scope: anyScope,
  permissions: some,
}).map(({ role, scope, permissions }) => [
  { by: "admin", kind: "role", slot: 0, permissions: [...permissions, ...managing] },
  { by: "admin", kind: "assign", slot: 0, to: "bo", role: 0, scope: everywhere },
  { by: "admin", kind: "assign", slot: 1, to: "ana", role, scope },
]);

const user = (id: string) => ({ kind: "user", homeTenantId: home, id });

/** New people, and the roles and assignments that are made in the course of it. */
export async function newWorld(app: AttackApp, places: readonly Inhabited[]) {
  const [ana, bo, group] = [randomUUID(), randomUUID(), randomUUID()];
  return {
    app,
    places,
    tokens: {
      ana: await app.person({ oid: ana, groups: [group] }),
      bo: await app.person({ oid: bo }),
      admin: adminToken,
    },
    principals: { ana: user(ana), anasGroup: { ...user(group), kind: "group" }, bo: user(bo) },
    /** Ana, for an administrator who asks about her. */
    aboutAna: { principal: `user:${home}:${ana}`, groups: group },
    roles: new Map<number, string>(),
    given: new Map<number, string>(),
  };
}
export type World = Awaited<ReturnType<typeof newWorld>>;

/** Makes an edit as whoever it is by. It may be refused: then nothing has changed. */
export async function apply(world: World, edit: Edit): Promise<Answer | undefined> {
  const { app, places, tokens, principals, roles, given } = world;
  const token = tokens[edit.by];
  const put = async (path: string, kept: Map<number, string>, name: string, body: object) => {
    const id = kept.get(edit.slot);
    const call =
      id === undefined ? { method: "POST", path } : { method: "PUT", path: `${path}/${id}` };
    const answer = await app.call({ ...call, token, body });
    if (answer.status === 201) kept.set(edit.slot, String(answer.body[name]));
    return answer;
  };
  const remove = async (path: string, kept: Map<number, string>) => {
    const id = kept.get(edit.slot);
    if (id === undefined) return undefined;
    const answer = await app.call({ method: "DELETE", path: `${path}/${id}`, token });
    if (answer.status === 204) kept.delete(edit.slot);
    return answer;
  };
  switch (edit.kind) {
    case "assign": {
      const custom =
        typeof edit.role === "number" ? (roles.get(edit.role) ?? roles.get(0)) : edit.role;
      const principal = principals[edit.to];
      const body = { principal, roleId: custom ?? "partner", scope: edit.scope(places) };
      return put("/api/v1/access/assignments", given, "assignmentId", body);
    }
    case "role": {
      const body = { name: "Custom", permissions: edit.permissions };
      return put("/api/v1/access/roles", roles, "roleId", body);
    }
    case "revoke":
      return remove("/api/v1/access/assignments", given);
    case "removeRole":
      return remove("/api/v1/access/roles", roles);
  }
}
