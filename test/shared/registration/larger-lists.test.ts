/** Lists in parts, and lists for many customers: what one request does not take, or one tenant. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { takeDevices, takeFile } from "../../../shared/registration/check-list.ts";
import {
  expireReports,
  keepReport,
  readReport,
} from "../../../shared/registration/customers-report.ts";
import {
  expireOpenLists,
  openList,
  putPart,
  submitList,
} from "../../../shared/registration/list-in-parts.ts";
import { sharesOfFile } from "../../../shared/registration/many-customers.ts";
import { csv, hashOf, intune } from "./lists.ts";
import { caller, type RegisterRig, rowOf, rows, startRegisterRig } from "./register-rig.ts";

let rig: RegisterRig;
beforeAll(async () => {
  rig = await startRegisterRig();
});
afterAll(() => rig.stop());

const wanted = { backEnd: "graph", partial: false } as const;
const reading = (text: string) => (take: (piece: Uint8Array) => void) => {
  take(Buffer.from(text));
  return Promise.resolve({ ok: true, value: undefined } as const);
};
const listOf = async (...lines: readonly string[]) => {
  const taken = await takeFile(reading(csv(intune, ...lines)), undefined);
  if (!taken.ok) throw new Error(taken.failure.detail);
  return taken.value;
};
const parts = () => ({ ...rig.services.register, blobs: rig.services.storage.blobs });
const dayMs = 24 * 3600 * 1000;
const expire = (now: number) => {
  const isKept = async ({ tenantId, registrationId }: Record<string, string>) =>
    (await parts().jobs.get(tenantId ?? "", registrationId ?? "")) !== undefined;
  return expireOpenLists({ ...parts(), isKept }, now, () => true);
};

it("registers a list in parts, of which one came twice and in no order", async () => {
  const tenantId = await rig.tenantOf();
  const ids = { tenantId, registrationId: newestFirstId(Date.now()) };
  expect(await openList(parts(), ids)).toMatchObject({ ok: true });
  const put = async (part: number, ...lines: string[]) =>
    putPart(parts(), ids, part, await listOf(...lines));
  await put(2, ...rows(3, "WRONG").map(rowOf));
  expect(await submitList(parts(), ids, 2, wanted, caller)).toMatchObject({
    failure: { faults: [{ detail: "part 1 is missing" }] },
  });
  await put(1, ...rows(210, "A", "shop").map(rowOf));
  await put(2, rowOf({ serial: "A0007" }));
  expect(await submitList(parts(), ids, 2, wanted, caller)).toMatchObject({
    failure: { faults: [{ pointer: "/parts/2/rows/1" }, { pointer: "/parts/2/rows/1" }] },
  });
  await put(2, ...rows(30, "B", "floor").map(rowOf));
  const sent = await submitList(parts(), ids, 2, wanted, caller);
  expect(sent).toMatchObject({ ok: true, value: { rows: 240, tags: ["shop", "floor"] } });
  expect(await submitList(parts(), ids, 2, wanted, caller)).toEqual(sent);
  // It is not open any more.
  expect(await put(3, rowOf({ serial: "C1" }))).toMatchObject({ ok: false });
  // As if whoever submitted it had died before its end: it is a registration all the same, and keeps its devices.
  const mark = `registration-lists/${tenantId}/${ids.registrationId}`;
  await parts().blobs.put(mark, "");
  await expire(Date.now() + dayMs + 1_000);
  expect(await parts().blobs.get(mark)).toBeUndefined();
  await rig.drain();
  const { view, devices } = await rig.ended(tenantId, ids.registrationId);
  expect(view).toMatchObject({ state: "finished", counts: { total: 240, registered: 240 } });
  expect(devices.map(({ part, row }) => [part, row]).at(210)).toEqual([2, 1]);
  expect(await rig.submissions(tenantId)).toMatchObject({ total: 240, doubled: 0 });
});

it("registers what was submitted, whatever a part brings that was on its way just then", async () => {
  const tenantId = await rig.tenantOf();
  const ids = { tenantId, registrationId: newestFirstId(Date.now()) };
  await openList(parts(), ids);
  await putPart(parts(), ids, 1, await listOf(rowOf({ serial: "D1" })));
  const { blobs } = parts();
  // Between its look at the list and its devices the list is submitted.
  const late = {
    get: (path: string) => blobs.get(path),
    put: (path: string, content: string) => blobs.put(path, content),
    putIf: (...all: Parameters<typeof blobs.putIf>) => blobs.putIf(...all),
    async getWithEtag(path: string) {
      const found = await blobs.getWithEtag(path);
      expect(await submitList(parts(), ids, 1, wanted, caller)).toMatchObject({ ok: true });
      return found;
    },
  };
  const other = await listOf(rowOf({ serial: "D2" }));
  const put = await putPart({ ...parts(), blobs: late as never }, ids, 1, other);
  expect(put).toMatchObject({ failure: { code: "unknown-registration" } });
  expect(await putPart(parts(), ids, 1, other)).toMatchObject({ ok: false });
  await rig.drain();
  const { devices } = await rig.ended(tenantId, ids.registrationId);
  expect(devices).toMatchObject([{ serialNumber: "D1", outcome: "registered" }]);
});

it("forgets a list that nobody submits, and no other", async () => {
  const tenantId = await rig.tenantOf();
  const ids = { tenantId, registrationId: newestFirstId(Date.now()) };
  await openList(parts(), ids);
  await putPart(
    parts(),
    ids,
    1,
    takeDevices({ devices: [{ serialNumber: "A", hardwareHash: hashOf("A") }] }),
  );
  await expire(Date.now());
  expect(await parts().hardware.note(ids.registrationId, 1)).toBeDefined();
  await expire(Date.now() + dayMs + 1_000);
  expect(await parts().hardware.note(ids.registrationId, 1)).toBeUndefined();
  expect(await submitList(parts(), ids, 1, wanted, caller)).toMatchObject({ ok: false });
});

it("takes a list for many customers apart, and tells of each share by its place in the whole", async () => {
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  const text = csv(
    `Customer,${intune}`,
    `${one},${rowOf({ serial: "A1" })}`,
    `${two.toUpperCase()},${rowOf({ serial: "B1", tag: "shop" })}`,
    `${one},1.65E+11,,${hashOf("A2")},,`,
    `${two},${rowOf({ serial: "B2" })}`,
  );
  const shares = await sharesOfFile(reading(text));
  if (!shares.ok) throw new Error(shares.failure.detail);
  expect(shares.value.map(({ customer, rows: count }) => [customer, count])).toEqual([
    [one, 2],
    [two, 2],
  ]);
  const [first, second] = await Promise.all(shares.value.map(({ take }) => take([])));
  expect(first).toMatchObject({
    value: {
      verdict: { findings: [{ code: "E_SERIAL_SCIENTIFIC", row: 3, line: 4 }] },
      devices: [{ row: 1 }, { row: 3, refused: { code: "E_SERIAL_SCIENTIFIC" } }],
    },
  });
  expect(second).toMatchObject({
    value: {
      verdict: { valid: true },
      devices: [{ row: 2, hardware: { tag: "shop" } }, { row: 4 }],
    },
  });
  expect(await sharesOfFile(reading(csv(intune, rowOf({ serial: "A" }))))).toMatchObject({
    failure: { code: "invalid-request" },
  });
});

it("refuses a list for many customers that has no device to see, or is for too many of them", async () => {
  const header = `Customer,${intune}`;
  const many = Array.from({ length: 1_001 }, (_, at) => `${at},A${at},,,,`);
  for (const [text, said] of [
    [csv(header), "CR LF"],
    [csv(header, `x,${rowOf({ serial: "A1" })}`).replaceAll("\n", ""), "CR LF"],
    [csv(header, ...many), "1001 customers"],
  ] as const)
    expect(await sharesOfFile(reading(text))).toMatchObject({
      failure: { code: "invalid-request", detail: expect.stringContaining(said) },
    });
});

it("forgets of a report what is a removed customer's, and all of it when its time is over", async () => {
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  const reportId = newestFirstId(Date.now());
  const refused = { rows: 2, code: "device-list-refused", detail: "" };
  const customers = [one, two].map((customer) => ({ customer, ...refused }));
  await keepReport(parts(), reportId, customers, caller);
  const read = async () => {
    const report = await readReport(parts(), reportId, caller, () => true);
    return report.ok ? report.value.customers.map(({ customer }) => customer) : report.failure.code;
  };
  expect(new Set((await read()) as string[])).toEqual(new Set([one, two]));
  await expireReports(parts().blobs, { tenantId: one }, () => true);
  expect(await read()).toEqual([two]);
  await expireReports(parts().blobs, { before: Date.now() - 3600 * 1000 }, () => true);
  expect(await read()).toEqual([two]);
  await expireReports(parts().blobs, { before: Date.now() + 3600 * 1000 }, () => true);
  expect(await read()).toBe("unknown-registration");
});
