/** A type that reads the same again is what it was, and nothing is made of it; whatever moved about it is seen. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SyncRig, startSyncRig } from "./sync-rig.ts";

let rig: SyncRig;
const made: string[] = [];
beforeAll(async () => {
  rig = await startSyncRig();
  const { revisions } = rig.parts;
  const putType = revisions.putType.bind(revisions);
  revisions.putType = (tenantId, type, ...rest) => {
    made.push(type);
    return putType(tenantId, type, ...rest);
  };
});
afterAll(() => rig.stop());

const types = ["group", "assignmentFilter", "deviceCompliancePolicy"];

it("makes nothing of types that read the same, and all anew of one that has moved, or names what is called otherwise", async () => {
  const tenantId = await rig.tenant({ items: 40 });
  const manifests = () => Promise.all(types.map((type) => rig.manifest(tenantId, type)));
  const madeBy = async (): Promise<string[]> => {
    made.length = 0;
    await rig.sync(tenantId, { types, mode: "exportOnly" });
    return made.toSorted();
  };
  expect(await madeBy()).toEqual(types.toSorted());
  const first = await manifests();
  expect(await madeBy()).toEqual([]);
  expect(await manifests()).toEqual(first);

  const [filter] = await rig.inTenant(tenantId, "assignmentFilter");
  await rig.byHand("PATCH", tenantId, `assignmentFilter/${filter?.id}`, { description: "moved" });
  expect(await madeBy()).toEqual(["assignmentFilter"]);
  const second = await manifests();
  expect(second).not.toEqual(first);

  // No policy moves by this: what it names is called otherwise.
  for (const { id, displayName } of await rig.inTenant(tenantId, "group"))
    await rig.byHand("PATCH", tenantId, `group/${id}`, {
      displayName: `${String(displayName)} (old)`,
    });
  expect(await madeBy()).toEqual(["deviceCompliancePolicy", "group"]);
  const third = await manifests();
  expect(third[2]).not.toBe(second[2]);
  expect(await madeBy()).toEqual([]);
  expect(await manifests()).toEqual(third);
});
