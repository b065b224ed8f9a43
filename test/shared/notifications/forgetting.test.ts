/** Old notifications are deleted with all that belongs to them; what is young, or has not ended, stays. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { retention } from "../../../functions/retention.ts";
import { expireJobs } from "../../../shared/fanout/care/retention.ts";
import type { JobStore } from "../../../shared/fanout/state/job.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { TenantStore } from "../../../shared/tenants/tenants.ts";
import { IdempotentAnswers } from "../../../shared/work/idempotency.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { putRows } from "./support/put-rows.ts";
import { rowsOf } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const dayMs = 24 * 3600 * 1000;
const always = () => true;
const kept = () => ({
  jobs: rig.services.notify.jobs as unknown as JobStore,
  tables: rig.services.storage.tables,
});

describe("a run of the timer", () => {
  it.each([
    ["as old as they may become", 400 * dayMs, "gone"],
    ["for ever", Number.POSITIVE_INFINITY, "kept"],
  ])("keeps notifications and refreshes %s", async (_, notificationMs, fate) => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 1 });
    const { notify, refreshes, storage, tenantStore } = rig.services;
    const jobs = notify.jobs as unknown as JobStore;
    const [latest] = (await refreshes.parts.refreshes.list(tenantId, 1)).refreshes;
    const old = newestFirstId(Date.now() - 500 * dayMs);
    await refreshes.parts.refreshes.insert({ ...latest!, refreshId: old });
    const sent = await rig.send(tenantId);
    await rig.drain();
    const { job } = (await notify.jobs.get(tenantId, sent))!;
    await notify.jobs.insert({ ...job, jobId: old });
    /** Test files share their storage, and their tenants. */
    class OwnTenant extends TenantStore {
      override async list() {
        const stored = await tenantStore.get(tenantId);
        return { tenants: [stored!.tenant] };
      }
    }
    const longAgo = { now: () => Date.UTC(1999, 0, 1) };
    const run = retention(
      {
        keepMs: {
          notifications: notificationMs,
          syncs: Number.POSITIVE_INFINITY,
          deadLetters: Number.POSITIVE_INFINITY,
        },
      },
      {
        storage,
        jobs: [jobs],
        clock: notify.engine.clock,
        tenantStore: new OwnTenant(storage.tables),
        sites: { expireOpen: () => rig.services.sites.expireOpen(longAgo.now(), always) },
        answers: new IdempotentAnswers(storage.tables, longAgo),
        deadLetters: rig.services.deadLetters,
        sync: rig.services.sync,
      },
    );
    const gone = fate === "gone";
    expect(await run(always)).toMatchObject({ answers: 0, notifications: gone ? 1 : 0 });
    expect((await notify.jobs.get(tenantId, old)) === undefined).toBe(gone);
    expect((await refreshes.parts.refreshes.get(tenantId, old)) === undefined).toBe(gone);
    expect(await refreshes.parts.refreshes.get(tenantId, latest!.refreshId)).toBeDefined();
    expect(await notify.jobs.get(tenantId, sent)).toBeDefined();
  });
});

describe("notifications older than they are kept", () => {
  it("go with their deliveries and lists, unless they have not ended", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 5 });
    const young = await rig.send(tenantId);
    await rig.drain();
    const { jobs, engine } = rig.services.notify;
    const { job } = (await jobs.get(tenantId, young))!;
    const past = Date.now() - 500 * dayMs;
    const old = newestFirstId(past);
    const running = newestFirstId(past);
    await jobs.insert({ ...job, jobId: old });
    await jobs.putTargets(old, ["a"]);
    await putRows(rig, old, 150, past);
    await jobs.insert({ ...job, jobId: running, state: "running" });
    await putRows(rig, running, 3, past);
    const before = Date.now() - 400 * dayMs;
    rig.faults.reset();
    expect(await expireJobs(kept(), tenantId, before, always)).toBe(1);
    expect(rig.faults.calls().length).toBeLessThan(12);
    expect(await jobs.get(tenantId, old)).toBeUndefined();
    expect(await jobs.targets(old)).toEqual([]);
    expect([await rowsOf(rig, old), await engine.items.plan(old)]).toEqual([[], undefined]);
    expect(await rowsOf(rig, running)).toHaveLength(3);
    expect((await rig.view(tenantId, young)).counts["total"]).toBe(5);
    expect((await rig.view(tenantId, running)).state).toBe("running");
    await jobs.close(running);
  });

  it("that are cut short keep the row by which they are found", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 1 });
    const done = await rig.send(tenantId);
    await rig.drain();
    const { jobs } = rig.services.notify;
    const { job } = (await jobs.get(tenantId, done))!;
    const past = Date.now() - 500 * dayMs;
    const old = newestFirstId(past);
    await jobs.insert({ ...job, jobId: old });
    await putRows(rig, old, 1_200, past);
    expect(await expireJobs(kept(), tenantId, Date.now() - dayMs, () => false)).toBe(0);
    expect(await jobs.get(tenantId, old)).toBeDefined();
    expect(await expireJobs(kept(), tenantId, Date.now() - dayMs, always)).toBe(1);
    expect(await rowsOf(rig, old)).toEqual([]);
  });
});
