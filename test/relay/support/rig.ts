/** Sites beside a Muster and a sandbox in the test's own process, and relays in processes of theirs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestSandbox, type TestSandbox } from "../../local/sandbox/support.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import {
  adminToken,
  type MusterPlan,
  type MusterServer,
  startMusterServer,
} from "./muster-server.ts";
import type { RelayProcess } from "./relay-process.ts";
import { makeSite, type Site } from "./site.ts";

/** Everything that several tests of a file share. */
export type Rig = {
  readonly sandbox: TestSandbox;
  readonly muster: MusterServer;
  readonly tenant: (plan?: Record<string, unknown>) => Promise<Site>;
  readonly stop: () => Promise<void>;
};

/** Starts Muster and the sandbox. */
export async function startRig(plan?: MusterPlan): Promise<Rig> {
  const sandbox = await startTestSandbox();
  const muster = await startMusterServer(sandbox, plan);
  const relays: RelayProcess[] = [];
  const homes: string[] = [];
  const world = {
    sandboxUrl: sandbox.url,
    control: sandbox.control,
    muster,
    token: adminToken,
    storage: storageConnectionString(),
    relays,
  };
  return {
    sandbox,
    muster,
    tenant: async (fleet) => {
      const home = mkdtempSync(join(tmpdir(), "relay-"));
      homes.push(home);
      return makeSite(world, home, fleet);
    },
    stop: async () => {
      await Promise.all(relays.map((relay) => relay.kill()));
      await muster.stop();
      await sandbox.stop();
      for (const home of homes) rmSync(home, { recursive: true, force: true });
    },
  };
}
