/** What stands where something was being made when its worker died: ours, begun, or somebody else's. */
import { expect, it } from "vitest";
import { typeOf } from "../../../../shared/sync/catalogue/catalogue.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { hasMoved } from "../../../../shared/sync/plan/has-moved.ts";

const key = "P";
const policy = {
  displayName: key,
  state: "enabled",
  conditions: { clientAppTypes: ["all"], users: { includeUsers: ["All"] } },
  grantControls: { operator: "OR", builtInControls: ["mfa"] },
};
const range = (cidrAddress: string) => ({
  "@odata.type": "#microsoft.graph.iPv4CidrRange",
  cidrAddress,
});
const place = { displayName: key, ipRanges: [range("192.0.2.0/24")] };
const template = { displayName: key, description: "a", roleScopeTags: ["0"] };

it.each<[string, string, JsonObject, JsonObject, boolean]>([
  ["a policy that is ours", "conditionalAccessPolicy", policy, {}, false],
  [
    "a policy that has not got its state yet",
    "conditionalAccessPolicy",
    policy,
    { state: "enabledForReportingButNotEnforced" },
    false,
  ],
  [
    "another policy",
    "conditionalAccessPolicy",
    policy,
    { grantControls: { operator: "OR", builtInControls: ["block"] } },
    true,
  ],
  ["another place", "namedLocation", place, { ipRanges: [range("198.51.100.0/24")] }, true],
  ["an item with what nobody has named", "assignmentFilter", template, { platform: "iOS" }, false],
  ["another item", "assignmentFilter", template, { description: "b" }, true],
])("%s", (_, typeKey, wanted, other, isMoved) => {
  const type = typeOf(typeKey);
  if (type === undefined) throw new Error("there is no such type");
  const item = (body: JsonObject) => ({ type: typeKey, key, name: key, body });
  const change = {
    changeId: "c",
    type: typeKey,
    key,
    name: key,
    action: "create" as const,
    properties: [],
    needs: [],
    warnings: [],
  };
  const entry = { type: typeKey, key, name: key, hash: "h" };
  const current = { item: item({ ...wanted, ...other }), entry };
  const work = { type, change, wanted: item(wanted) } as Parameters<typeof hasMoved>[0];
  expect(hasMoved(work, { state: "writing" }, current)).toBe(isMoved);
});
