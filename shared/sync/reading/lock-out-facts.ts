/**
 * Who could be locked out of a tenant: holders of administrator roles, directly and by groups, and the accounts that
 * are kept for emergencies. Read only when a plan changes policies of conditional access.
 */

import { inParallel } from "../../kernel/concurrency.ts";
import { type JsonObject, textOf } from "../items/json.ts";
import type { LockOutFacts, Person, UnknownFacts } from "../plan/lock-out.ts";
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

/** So many groups are asked for their members beside each other. */
const groupsAtOnce = 6;

/** What is asked about. */
type LockOutQuestion = {
  /** Groups for emergencies, by their ids or names. */
  readonly breakGlassGroups: readonly string[];
  /** The tenant as it was read. */
  readonly tree: Tree;
  /** Groups that its policies name, now or by the plan. */
  readonly groups: readonly Group[];
};

/** Reads them. Where the directory does not tell, it says what is missing: no plan may take that for safety. */
export class LockOutReader {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The facts of a tenant. */
  async facts(
    tenantId: string,
    { breakGlassGroups, tree, groups }: LockOutQuestion,
  ): Promise<LockOutFacts | UnknownFacts> {
    const { revisions, clientId } = this.#parts;
    const filter = encodeURIComponent(`appId eq '${clientId}'`);
    const [people, called, own, hasCompliantDevice] = await Promise.all([
      this.#holders(tenantId),
      Promise.all(breakGlassGroups.map((group) => this.#groupCalled(tenantId, group))),
      this.#read(tenantId, `/servicePrincipals?$filter=${filter}&$select=id,appId`),
      this.#hasCompliantDevice(tenantId),
    ]);
    if (people === undefined) return { unknown: "who holds the administrator roles" };
    const missing = breakGlassGroups.find((_, at) => called[at]?.length === 0);
    if (missing !== undefined) return { unknown: `who is in the break-glass group ${missing}` };
    const glass = called.flat();
    const unread = await this.#addGroups(tenantId, people, groups, glass);
    if (unread !== undefined) return { unknown: `who is in the group ${unread.name}` };
    const all = [...people].map(
      ([id, { name, groups: of, roles }]): Person => ({
        id,
        name,
        groups: [...of],
        roles: [...roles],
      }),
    );
    const administrators = all.filter(({ roles }) => roles.length > 0);
    // No tenant is without one: whoever sees none may not see them.
    if (administrators.length === 0) return { unknown: "who holds the administrator roles" };
    if (own === undefined) return { unknown: "which service principal is our own" };
    const { namedLocation } = tree;
    const locations = await revisions.content(tenantId, "namedLocation", namedLocation);
    return {
      administrators,
      breakGlass: all.filter((each) => glass.some(({ id }) => each.groups.includes(id))),
      breakGlassGroups: glass,
      ourApp: { appId: clientId, servicePrincipalId: textOf(own[0]?.["id"]) },
      ...(namedLocation === undefined
        ? {}
        : {
            namedLocations: locations.items.flatMap(({ id, body }) =>
              id === undefined ? [] : [{ id, isTrusted: body["isTrusted"] === true }],
            ),
          }),
      cannotBeMet: hasCompliantDevice ? [] : ["compliantDevice"],
    };
  }

  /** Groups of an id or a name; where it is an id, whether there is one shows when its members are asked for. */
  async #groupCalled(tenantId: string, group: string): Promise<readonly Group[]> {
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(group))
      return [{ id: group.toLowerCase(), name: group }];
    const filter = encodeURIComponent(`displayName eq '${group.replaceAll("'", "''")}'`);
    const found = await this.#read(tenantId, `/groups?$filter=${filter}&$select=id,displayName`);
    return (found ?? []).map(({ id }) => ({ id: textOf(id), name: group }));
  }

  /** Whether anybody here can be told to use a compliant device; who cannot see any is warned as if there were none. */
  async #hasCompliantDevice(tenantId: string): Promise<boolean> {
    const filter = encodeURIComponent("complianceState eq 'compliant'");
    const path = `/deviceManagement/managedDevices?$filter=${filter}&$select=id&$top=1`;
    const asking = { ...askingIn(tenantId), workload: "configurationReads" } as const;
    const answer = await this.#parts.graph.read(asking, { path });
    if (answer.kind !== "ok") return false;
    const { value } = (answer.body ?? {}) as { readonly value?: unknown };
    return Array.isArray(value) && value.length > 0;
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

  /** Nested members count, of the groups that policies name: the directory resolves them. Answers one that it does not. */
  async #addGroups(
    tenantId: string,
    people: People,
    named: readonly Group[],
    glass: readonly Group[],
  ): Promise<Group | undefined> {
    const glassIds = new Set(glass.map(({ id }) => id));
    const groups = new Map([...named, ...glass].map((group) => [group.id, group]));
    const read = await inParallel([...groups.values()], groupsAtOnce, async (group) => {
      return { group, members: await this.#members(tenantId, group.id) };
    });
    for (const { group, members } of read) {
      if (members === undefined) return group;
      const counted = members.filter(({ id }) => glassIds.has(group.id) || people.has(textOf(id)));
      for (const member of counted) personIn(people, member).groups.add(group.id);
    }
    return undefined;
  }

  #members(tenantId: string, groupId: string) {
    const select = "$select=id,userPrincipalName,displayName&$top=999";
    return this.#read(
      tenantId,
      `/groups/${encodeURIComponent(groupId)}/transitiveMembers?${select}`,
    );
  }

  #read(tenantId: string, path: string): Promise<readonly JsonObject[] | undefined> {
    return readWhole(this.#parts.graph, askingIn(tenantId), path);
  }
}

const askingIn = (tenantId: string) =>
  ({ tenantId, asker: tenantId, graph: "v1.0", workload: "identityReads" }) as const;

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
