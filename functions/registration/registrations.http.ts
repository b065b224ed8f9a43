/** Registrations of devices into Windows Autopilot: so far, judging the lists that they begin with. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { invalidRequest } from "../../shared/http/body.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { checkDevices, checkFile } from "../../shared/registration/check-list.ts";
import {
  DeviceList,
  ListVerdict,
  maxListBytes,
  SubmitQuery,
} from "../../shared/registration/contract.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp } from "../define.ts";

export const submitRegistrationFunction = onHttp(
  operation({
    name: "registrations-submit",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/registrations",
    summary: "Judge a list of devices: what the service would refuse of it, and why",
    tag: "Registrations",
    params: TenantPath,
    query: SubmitQuery,
    body: DeviceList,
    file: { type: "text/csv", maxBytes: maxListBytes },
    answers: { 200: { description: "What was found; nothing was sent", body: ListVerdict } },
  }),
  async ({ query, body, file }, tools) => {
    if (query.dryRun === undefined) return refuse("dryRun", onlyDry);
    if (file === undefined && query.repair !== undefined) return refuse("repair", onlyFiles);
    const checked =
      file === undefined
        ? succeed(checkDevices(body ?? { devices: [] }))
        : await checkFile(file, query.repair);
    if (!checked.ok) return checked;
    // What the caller sent stays out of the trail: serial numbers and hashes are the customer's.
    const { findings: _, ...counts } = { ...checked.value, repaired: undefined };
    signedInOf(tools).note({ after: counts });
    return succeed(ok(checked.value));
  },
);

const onlyDry = "must be true: this version judges lists, and registers nothing";
const onlyFiles = "is for files: JSON has nothing that could be repaired";
const refuse = (name: keyof typeof SubmitQuery.shape, detail: string) =>
  invalidRequest([{ pointer: `/query/${name}`, detail }]);
