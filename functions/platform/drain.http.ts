/** Drains the installation before an upgrade: nothing new leaves, what has left comes to its end, and this says how much is left. */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import type { RefreshService } from "../../shared/devices/refresh/work.ts";
import { countOpen } from "../../shared/fanout/care/control.ts";
import type { Engine } from "../../shared/fanout/engine/engine.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { type Instant, toIso } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { countSyncs } from "../../shared/sync/run/run-sync.ts";
import type { SyncServices } from "../../shared/sync/services.ts";
import type { Drain } from "../../shared/work/drain.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = {
  readonly drain: Drain;
  readonly engine: Engine;
  readonly sync: SyncServices;
  readonly refreshes: RefreshService;
};

const count = z.int().min(0);
const DrainView = z
  .object({
    draining: z.boolean(),
    since: z.iso.datetime().optional(),
    drained: z.boolean().describe("Nothing of left is there any more: stop the app when you like"),
    left: z
      .object({
        calls: count.describe("Targets that a call is out for whose answer nobody has yet"),
        syncs: count,
        refreshes: count,
      })
      .describe("What somebody works on now"),
    open: z
      .object({
        jobs: count.describe("Notifications, runs and registrations"),
        syncs: count,
        refreshes: count,
      })
      .describe("What has not ended, and goes on afterwards"),
  })
  .meta({ id: "Drain" });

async function viewOf(
  { engine, sync, refreshes }: Omit<Needs, "drain">,
  since: Instant | undefined,
): Promise<z.output<typeof DrainView>> {
  const [jobs, syncs, refreshed] = await Promise.all([
    countOpen(engine),
    countSyncs(sync),
    refreshes.count(),
  ]);
  const left = { calls: jobs.calls, syncs: syncs.working, refreshes: refreshed.working };
  const isOut = Object.values(left).some((some) => some > 0);
  return {
    draining: since !== undefined,
    ...(since === undefined ? {} : { since: toIso(since) }),
    drained: since !== undefined && !isOut,
    left,
    open: { jobs: jobs.jobs, syncs: syncs.syncs, refreshes: refreshed.refreshes },
  };
}

const answers = { 200: { description: "How it stands", body: DrainView } } as const;

export const getDrainFunction = onHttp(
  operation({
    name: "drain-get",
    method: "GET",
    path: "api/v1/drain",
    summary: "Whether the installation is being drained, and how much is left",
    tag: "Platform",
    answers,
  }),
  async (_input, { services }: Tools<Needs>) =>
    succeed(ok(await viewOf(services, await services.drain.read()))),
);

export const setDrainFunction = onHttp(
  operation({
    name: "drain-set",
    method: "PUT",
    path: "api/v1/drain",
    summary: "Drain the installation: nothing new leaves for any tenant; or let it go on",
    tag: "Platform",
    body: z.strictObject({ draining: z.boolean() }),
    answers,
  }),
  async ({ body: { draining } }, tools: Tools<Needs>) => {
    const { before, since } = await tools.services.drain.set(draining);
    const note = { before: { draining: before !== undefined }, after: { draining } };
    signedInOf(tools).note({ object: "drain", ...note });
    tools.log("platform.drain", { draining });
    return succeed(ok(await viewOf(tools.services, since)));
  },
);
