/**
 * Registrations counted at the wire: by tuples through Partner Center, and by hashes through Graph, where each import
 * record has to be deleted again. Counted from the submission of a list whose parts are all there, to its end.
 */
import { join } from "node:path";
import { peakMiB, resetPeak } from "../setup/memory.ts";
import { type Muster, startMuster } from "../setup/muster.ts";
import { scratchFolder } from "../setup/scratch.ts";
import { makeFleet, registered } from "../setup/surroundings.ts";
import { until } from "../setup/timing.ts";
import { type Phase, phase } from "./counts.ts";
import { hashOf } from "./device-lists.ts";

/** One registration. */
export type RegistrationRun = {
  readonly backEnd: BackEnd;
  readonly devices: number;
  readonly counted: Phase;
  /** Peak memory in MiB from the submission on. */
  readonly workerMiB: number | undefined;
  readonly hostMiB: number | undefined;
};
type BackEnd = "partnerCenter" | "graph";

/** Devices in one part of a list: hashes fill its four megabytes sooner. */
const perPart: Readonly<Record<BackEnd, number>> = { partnerCenter: 5_000, graph: 500 };
/** Silence that means that a registration is over: its looks come up to a minute apart. */
const quietMs = 3_000;

/** Registers so many devices by each route; a large one begins with the memory of a small one that went before. */
export async function measureRegistrations(
  sizes: Readonly<Record<BackEnd, readonly number[]>>,
): Promise<RegistrationRun[]> {
  const keys = scratchFolder("muster-bench-keys");
  const muster = await startMuster({
    counted: true,
    settings: ({ home: partner, partnerCenterUrl }) => ({
      MUSTER_HOME_TENANT_IDS: partner.tenantId,
      MUSTER_SIGN_IN_CLIENT_ID: partner.signInClientId,
      MUSTER_KEY_FILE: join(keys.path, "keys.json"),
      MUSTER_PARTNER_CENTER_URL: partnerCenterUrl,
      MUSTER_PARTNER_KIND: "direct",
    }),
  });
  try {
    await signInPartner(muster);
    const runs: RegistrationRun[] = [];
    for (const backEnd of ["partnerCenter", "graph"] as const) {
      // Makes the tables and queues, which no later one pays for.
      if (sizes[backEnd].some((size) => size > 1_000)) await register(muster, backEnd, 100);
      for (const devices of sizes[backEnd]) runs.push(await register(muster, backEnd, devices));
    }
    return runs;
  } finally {
    await muster.stop();
    keys.remove();
  }
}

async function signInPartner({ api, sandbox }: Muster): Promise<void> {
  const { signInId, userCode = "" } = await api("POST", "partner/sign-in", {});
  const form = new URLSearchParams({ user_code: userCode, user: "partner@muster.example" });
  await fetch(sandbox.home.devicePage, { method: "POST", body: form });
  const isIn = async () =>
    (await api("POST", "partner/sign-in", { signInId })).state === "signedIn";
  await until("the partner", isIn, { everyMs: 500, limitMs: 60_000 });
}

async function register(
  muster: Muster,
  backEnd: BackEnd,
  devices: number,
): Promise<RegistrationRun> {
  const { api, hostPid, workerPid, sandbox } = muster;
  const tenantId = await makeFleet(sandbox.url, 1, "bulk");
  await api("POST", "tenants", { tenantId, displayName: `${devices} to be registered` });
  await api("POST", `customers/${tenantId}/check`);
  const { registrationId } = await api("POST", `tenants/${tenantId}/registration-lists`);
  const list = `tenants/${tenantId}/registration-lists/${registrationId}`;
  const parts = Math.ceil(devices / perPart[backEnd]);
  for (let part = 0; part < parts; part += 1)
    await api("PUT", `${list}/parts/${part + 1}`, {
      devices: partOf(backEnd, tenantId.slice(0, 6), part * perPart[backEnd], devices),
    });
  resetPeak(workerPid);
  resetPeak(hostPid);
  const path = `tenants/${tenantId}/registrations/${registrationId}`;
  const counted = await phase(
    muster,
    async () => {
      await api("POST", `${list}/submit?backEnd=${backEnd}`, { parts });
      // The sandbox is asked while it goes on, since Muster would read its storage for each answer.
      await until("the devices", async () => (await registered(sandbox.url, tenantId)) >= devices, {
        everyMs: 500,
        limitMs: 3_600_000,
      });
      await until("the registration", async () => (await api("GET", path)).final, {
        everyMs: 5_000,
      });
    },
    quietMs,
  );
  const { counts } = await api("GET", path);
  if (counts["registered"] !== devices)
    throw new Error(`registered ${counts["registered"]} of ${devices}`);
  return {
    backEnd,
    devices,
    counted,
    workerMiB: peakMiB(workerPid),
    hostMiB: peakMiB(hostPid),
  };
}

/** Serial numbers begin differently for each tenant: a device is registered for one only. */
const partOf = (backEnd: BackEnd, prefix: string, from: number, devices: number): object[] =>
  Array.from({ length: Math.min(perPart[backEnd], devices - from) }, (_, at) =>
    deviceOf(backEnd, prefix, from + at),
  );

function deviceOf(backEnd: BackEnd, prefix: string, at: number): object {
  const serialNumber = `B${prefix}${String(at).padStart(7, "0")}`;
  const groupTag = at % 2 === 0 ? "lab" : "shop";
  return backEnd === "graph"
    ? { serialNumber, groupTag, hardwareHash: hashOf(serialNumber, at) }
    : { serialNumber, groupTag, manufacturer: "LENOVO", model: "20XW" };
}
