/** What tests of registrations do: hand a list in, drain the queues, see what became of it and what the sandbox was given. */
import { randomUUID } from "node:crypto";
import type { Caller } from "../../../shared/access/sign-in/caller.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { takeFile } from "../../../shared/registration/check-list.ts";
import {
  findRegistration,
  listDevices,
  viewOf,
} from "../../../shared/registration/read-registrations.ts";
import { registerDevices } from "../../../shared/registration/register-devices.ts";
import { startNotifyRig } from "../../support/notify-rig.ts";
import { csv, hashOf, intune } from "./lists.ts";

/** Who hands lists in. */
export const caller: Caller = {
  kind: "user",
  oid: randomUUID(),
  tid: randomUUID(),
  appId: randomUUID(),
  groups: [],
  groupsComplete: true,
  scopes: [],
  roles: [],
};

type Row = { readonly serial: string; readonly tag?: string };

/** A line of a list. */
export const rowOf = ({ serial, tag = "" }: Row): string => `${serial},,${hashOf(serial)},${tag},`;

/** Devices whose serial numbers begin with some letters. */
export const rows = (count: number, prefix: string, tag?: string): Row[] =>
  Array.from({ length: count }, (_, at) => ({
    serial: `${prefix}${String(at).padStart(4, "0")}`,
    ...(tag === undefined ? {} : { tag }),
  }));

/** Starts one. */
export async function startRegisterRig() {
  const rig = await startNotifyRig();
  return {
    ...rig,
    /** Hands a list in. */
    async register(tenantId: string, lines: readonly string[], partial = false) {
      const registrationId = newestFirstId(Date.now());
      const bytes = Buffer.from(csv(intune, ...lines));
      const read = (take: (piece: Uint8Array) => void) => {
        take(bytes);
        return Promise.resolve({ ok: true, value: undefined } as const);
      };
      const sent = await registerDevices(
        rig.services.register,
        { tenantId, registrationId },
        () => takeFile(read, undefined),
        { backEnd: "graph", partial },
        caller,
      );
      return sent.ok ? { registrationId } : { registrationId: "", refused: sent.failure };
    },
    /** What became of it. */
    async ended(tenantId: string, registrationId: string) {
      const { register: parts } = rig.services;
      const found = await findRegistration(parts, { tenantId, registrationId });
      if (!found.ok) throw new Error(found.failure.detail);
      const view = await viewOf(parts, found.value);
      const { items } = await listDevices(parts, found.value, { top: 500 });
      return { view, devices: items };
    },
    /** A tenant in which the service behaves so. */
    /** Enough devices for one of them to be in Autopilot already, whatever chance makes of the fleet. */
    async tenantOf(behaviour: object = {}): Promise<string> {
      const tenantId = await rig.tenant({ devices: 60 });
      await rig.sandbox.control("PUT", "/behaviour", { tenantId, ...behaviour });
      return tenantId;
    },
    /** How often the tenant was given devices. */
    submissions: async (tenantId: string) =>
      (await rig.sandbox.control("GET", `/registrations?tenantId=${tenantId}`)).body,
    /** Records of imports that nobody has deleted. */
    async records(tenantId: string): Promise<number> {
      const path = "/deviceManagement/importedWindowsAutopilotDeviceIdentities";
      const answer = await rig.services.graph.ask(tenantId, "v1.0", { method: "GET", path });
      return answer.kind === "ok" ? (answer.body as { value: unknown[] }).value.length : -1;
    },
  };
}

/** What it gives. */
export type RegisterRig = Awaited<ReturnType<typeof startRegisterRig>>;
