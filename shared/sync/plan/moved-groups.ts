/**
 * Would a change of who is in a group lock people out? Nobody can tell whom a new rule of membership takes in. So a policy
 * that leaves the group out is judged as if it saved nobody any more, and one that is for the group as if everybody were
 * in it. Pure.
 */
import type { JsonObject } from "../items/json.ts";
import {
  idsIn,
  type LockOutFacts,
  lockOutWarnings,
  type Person,
  type PolicyAfter,
  part,
  type UnknownFacts,
} from "./lock-out.ts";
import type { PlannedChange } from "./plan.ts";

/** The type of groups. */
const groupType = "group";

const membership = /^\/(?:membershipRule|membershipRuleProcessingState|groupTypes)(?:\/|$)/;

/** Whether a change is one of who is in a group. */
export const movesMembers = ({ type, action, properties }: PlannedChange): boolean =>
  type === groupType &&
  action === "update" &&
  properties.some(({ pointer }) => membership.test(pointer));

type Side = "excludeGroups" | "includeGroups";
const names = (body: JsonObject, side: Side, id: string | undefined): boolean =>
  id !== undefined && idsIn(part(part(body, "conditions"), "users"), side).includes(id);

/** Whether a policy names the group of a change: only then somebody has to look. */
export const namesGroup = (body: JsonObject, { id }: Pick<PlannedChange, "id">): boolean =>
  names(body, "excludeGroups", id) || names(body, "includeGroups", id);

/** Warnings about changes of who is in groups, by what the policies demand that will be there or are there now. */
export const groupWarnings = (
  changes: readonly PlannedChange[],
  policies: readonly PolicyAfter[],
  facts: LockOutFacts | UnknownFacts,
): ReturnType<typeof lockOutWarnings> =>
  changes.flatMap(({ changeId, id = "" }) =>
    policies.flatMap((policy) =>
      (["excludeGroups", "includeGroups"] as const)
        .filter((side) => names(policy.body, side, id))
        .flatMap((side) => {
          const others = policies.flatMap(({ name, body }) =>
            body === policy.body ? [] : [{ name, body }],
          );
          const worst = "unknown" in facts ? facts : atWorst(facts, side, id, changes);
          const said = side === "excludeGroups" ? "leaves it out" : "is for it";
          return lockOutWarnings([{ ...policy, changeId }, ...others], worst).map((warning) => ({
            ...warning,
            // That everybody comes to be in it is hardly what anybody means.
            locksOutAll: warning.locksOutAll && side === "excludeGroups",
            detail: `It changes who is in the group, and the policy "${policy.name}" ${said}. At worst: ${warning.detail}`,
          }));
        }),
    ),
  );

/** People may choose among the changes of a plan: two groups that each leave the other one are no way out. */
function atWorst(
  facts: LockOutFacts,
  side: Side,
  id: string,
  changes: readonly PlannedChange[],
): LockOutFacts {
  const moving = new Set(changes.map((change) => change.id));
  const moved = (person: Person): Person => {
    const left = person.groups.filter((group) => !moving.has(group));
    return { ...person, groups: side === "includeGroups" ? [...left, id] : left };
  };
  return {
    ...facts,
    administrators: facts.administrators.map(moved),
    breakGlass: facts.breakGlass.map(moved),
  };
}
