/**
 * Who could be locked out of a tenant: holders of administrator roles, directly and by groups, and the accounts that
 * are kept for emergencies. Read only when a plan changes policies of conditional access.
 */

import { type JsonObject, textOf } from "../items/json.ts";
import type { LockOutFacts, Person } from "../plan/lock-out.ts";
import type { Repository, Tree } from "../revisions/revisions.ts";
import type { PacedGraph } from "./paced-graph.ts";
import { readWhole } from "./read-type.ts";

type Parts = {
  readonly graph: PacedGraph;
  readonly revisions: Repository;
  /** The app's own id, which it could lock out too. */
  readonly clientId: string;
};

/** Templates of the roles whose holders can mend a policy: Entra's ids, the same in every tenant. */
const mendingRoles: ReadonlySet<string> = new Set([
  // Global administrator, privileged role administrator, security administrator, conditional access administrator.
  "62e90394-69f5-4237-9190-012177145e10",
  "e8611ab8-c189-46e8-94e1-60213ab1f814",
  "194ae4cb-b126-40b2-bd5b-6091b380977d",
  "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
]);

/** Reads them. What the directory does not tell is undefined: then a plan says nothing of lock-outs. */
export class LockOutReader {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The facts of a tenant; `tree`: as it was read. */
  async facts(
    tenantId: string,
    breakGlassGroups: readonly string[],
    tree: Tree,
  ): Promise<LockOutFacts | undefined> {
    const { revisions, clientId } = this.#parts;
    const people = await this.#holders(tenantId);
    const listed = await revisions.list(tenantId, "group", tree["group"]);
    const groups = listed.flatMap(({ id, name }) => (id === undefined ? [] : [{ id, name }]));
    const glass = groups.filter(
      ({ id, name }) => breakGlassGroups.includes(id) || breakGlassGroups.includes(name),
    );
    if (people === undefined || !(await this.#addGroups(tenantId, people, groups, glass)))
      return undefined;
    const all = [...people].map(
      ([id, { name, groups: of, roles }]): Person => ({
        id,
        name,
        groups: [...of],
        roles: [...roles],
      }),
    );
    const filter = encodeURIComponent(`appId eq '${clientId}'`);
    const own = await this.#read(tenantId, `/servicePrincipals?$filter=${filter}&$select=id,appId`);
    const locations = await revisions.content(tenantId, "namedLocation", tree["namedLocation"]);
    return {
      administrators: all.filter(({ roles }) => roles.length > 0),
      breakGlass: all.filter((each) => glass.some(({ id }) => each.groups.includes(id))),
      breakGlassGroups: glass,
      ourApp: { appId: clientId, servicePrincipalId: textOf(own?.[0]?.["id"]) },
      namedLocations: locations.items.flatMap(({ id, body }) =>
        id === undefined ? [] : [{ id, isTrusted: body["isTrusted"] === true }],
      ),
      cannotBeMet: [],
    };
  }

  /** Holders of roles that can mend a policy, with those of groups that hold one. */
  async #holders(tenantId: string): Promise<People | undefined> {
    const path = "/roleManagement/directory/roleAssignments?$expand=principal";
    const assignments = await this.#read(tenantId, path);
    if (assignments === undefined) return undefined;
    const people: People = new Map();
    for (const { roleDefinitionId: role, principalId, principal } of assignments) {
      if (typeof role !== "string" || !mendingRoles.has(role)) continue;
      const id = textOf(principalId);
      const object = (principal ?? {}) as JsonObject;
      const isGroup = object["@odata.type"] === "#microsoft.graph.group";
      const found = isGroup ? await this.#members(tenantId, id) : [{ ...object, id }];
      if (found === undefined) return undefined;
      for (const one of found) personIn(people, one).roles.add(role);
    }
    return people;
  }

  /** Nested members count, of the groups that policies name: the directory resolves them. */
  async #addGroups(
    tenantId: string,
    people: People,
    groups: readonly Group[],
    glass: readonly Group[],
  ): Promise<boolean> {
    for (const group of groups) {
      const members = await this.#members(tenantId, group.id);
      if (members === undefined) return false;
      const counted = members.filter(({ id }) => glass.includes(group) || people.has(textOf(id)));
      for (const member of counted) personIn(people, member).groups.add(group.id);
    }
    return true;
  }

  #members(tenantId: string, groupId: string) {
    const select = "$select=id,userPrincipalName,displayName&$top=999";
    return this.#read(
      tenantId,
      `/groups/${encodeURIComponent(groupId)}/transitiveMembers?${select}`,
    );
  }

  #read(tenantId: string, path: string): Promise<readonly JsonObject[] | undefined> {
    const asking = {
      tenantId,
      asker: tenantId,
      graph: "v1.0",
      workload: "identityReads",
    } as const;
    return readWhole(this.#parts.graph, asking, path);
  }
}

type Group = { readonly id: string; readonly name: string };
type Known = { readonly name: string; readonly groups: Set<string>; readonly roles: Set<string> };
type People = Map<string, Known>;

function personIn(people: People, object: JsonObject): Known {
  const id = textOf(object["id"]);
  const name = textOf(object["userPrincipalName"]) || textOf(object["displayName"]) || id;
  const known = people.get(id) ?? { name, groups: new Set<string>(), roles: new Set<string>() };
  people.set(id, known);
  return known;
}
