import { afterAll, beforeAll, expect, test } from "vitest";
import {
  filterOf,
  listDevices,
  maxScanned,
  readDevice,
  sortDevices,
} from "../../../shared/devices/collections/list-devices.ts";
import { graphDevice, idOf, openRig, type Rig } from "./support/refresh-rig.ts";

type DeviceFilter = Parameters<typeof filterOf>[0];

let rig: Rig;
let tenantId: string;
const size = 12_000;
beforeAll(async () => {
  rig = await openRig();
  tenantId = rig.addTenant();
  rig.graph.devices = Array.from({ length: size }, (_, number) =>
    graphDevice(number, {
      deviceName: number % 1000 === 0 ? `RARE-${number}` : `PC-${number}`,
      lastSyncDateTime: number % 4 === 0 ? "2026-07-01T00:00:00Z" : "2026-08-01T00:00:00Z",
    }),
  );
  rig.graph.identities = [{ managedDeviceId: idOf(5), groupTag: "Kiosk" }];
  await rig.refresh(tenantId);
});
afterAll(() => rig.graph.stop());

const now = Date.parse("2026-08-10T00:00:00Z");

async function listAll(filter: DeviceFilter, top: number) {
  const names: string[] = [];
  let pages = 0;
  let after: string | undefined;
  do {
    const accepts = filterOf(filter, now);
    const page = await listDevices(rig.directory, tenantId, { after, top, accepts });
    names.push(...page.items.map(({ name }) => name));
    pages += 1;
    after = page.next;
  } while (after !== undefined);
  return { names, pages };
}

test.each([97, 1000])("pages of %i hold every device once", async (top) => {
  const { names, pages } = await listAll({}, top);
  expect(names.length).toBe(size);
  expect(new Set(names).size).toBe(size);
  expect(pages).toBe(Math.ceil(size / top));
});

test("a filter that passes few is answered in bounded steps, and misses none", async () => {
  const { names, pages } = await listAll({ namePrefix: "rare-" }, 100);
  expect(names.length).toBe(size / 1000);
  expect(pages).toBe(Math.ceil(size / maxScanned));
});

test.each([50, 1000])(
  "each page of %i, first to last, is one page read between two looks at the layout",
  async (top) => {
    let after: string | undefined;
    do {
      rig.cutAt(undefined);
      const page = await listDevices(rig.directory, tenantId, { after, top, accepts: () => true });
      expect(rig.calls).toEqual(["table.get Devices", "table.page Devices", "table.get Devices"]);
      after = page.next;
    } while (after !== undefined);
  },
);

test.each<[DeviceFilter, number]>([
  [{ operatingSystem: "ios" }, size / 3],
  [{ managementAgent: "MDM" }, size / 2],
  [{ management: "coManaged" }, size / 2],
  [{ complianceState: "noncompliant" }, 0],
  [{ groupTag: "kiosk" }, 1],
  [{ lastSyncBefore: "2026-07-15T00:00:00Z" }, size / 4],
  [{ lastSyncBefore: "P30D" }, size / 4],
  [{ lastSyncAfter: "P30D" }, (size * 3) / 4],
  [{ operatingSystem: "iOS", management: "intune" }, size / 6],
])("the filter %j passes %i devices", async (filter, expected) => {
  expect((await listAll(filter, 1000)).names.length).toBe(expected);
});

test("a device is shown by its id; one that is not there is a failure", async () => {
  expect(await readDevice(rig.directory, tenantId, idOf(5))).toMatchObject({
    ok: true,
    value: { name: "PC-5", groupTag: "Kiosk" },
  });
  expect(await readDevice(rig.directory, tenantId, idOf(size))).toMatchObject({
    ok: false,
    failure: { code: "unknown-device" },
  });
});

test.each([false, true])(
  "sorted by name (descending: %s), every device comes once, in bounded reads",
  async (descending) => {
    const names: string[] = [];
    let position: string | undefined;
    let steps = 0;
    const walk: typeof rig.directory.walk = (...given) => {
      steps += 1;
      return rig.directory.walk(...given);
    };
    const accepts = filterOf({ search: "pc-1" }, now);
    do {
      const wanted = { sort: "name" as const, descending, position, top: 1000, accepts };
      const page = await sortDevices({ walk }, tenantId, wanted);
      const found = page.ok ? page.value : undefined;
      names.push(...(found?.items ?? []).map(({ name }) => name));
      expect(found?.total).toBe(3108);
      position = found?.next;
    } while (position !== undefined);
    const order = names.toSorted();
    expect(names).toEqual(descending ? order.toReversed() : order);
    expect(new Set(names).size).toBe(3108);
    // Four pages of two steps each.
    expect(steps).toBe(8);
  },
);
