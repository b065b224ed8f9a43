/** Devices that tenants have registered into Autopilot: listed, found, changed, and taken out again. */
import * as z from "zod";
import { decide } from "../../shared/access/roles/decide.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { accepted, ok } from "../../shared/http/reply.ts";
import { inParallel } from "../../shared/kernel/concurrency.ts";
import { fail, succeed } from "../../shared/kernel/failure.ts";
import {
  AutopilotDevicePath,
  AutopilotDeviceView,
  ChangedDevice,
  Deregistration,
  DeviceChange,
  FoundDevices,
  RegistrationView,
  SerialQuestion,
} from "../../shared/registration/contract.ts";
import type { Inventory } from "../../shared/registration/graph/inventory.ts";
import { type OwnTags, refusedTag } from "../../shared/registration/own-tags.ts";
import { viewOf } from "../../shared/registration/read-registrations.ts";
import {
  deregisterDevices,
  type RegistrationParts,
} from "../../shared/registration/register-devices.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import type { TenantStore } from "../../shared/tenants/tenants.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly inventory: Inventory };

export const listAutopilotDevicesFunction = onHttp(
  operation({
    name: "autopilot-devices-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/autopilot-devices",
    summary: "List the devices that a tenant has registered, as Intune shows them now",
    tag: "Registrations",
    params: TenantPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of devices", body: pageOf(AutopilotDeviceView) } },
  }),
  async ({ params: { tenantId }, query: { top, pageToken }, url }, tools: Tools<Needs>) => {
    const list = `autopilot-devices ${tenantId}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const { inventory } = tools.services;
    const page = await inventory.list(tenantId, { top, next: position.value });
    return page.ok ? succeed(ok(pageBody(url, list, page.value))) : page;
  },
);

/** So many tenants are asked for one search, and so many at once. */
const maxTenants = 200;
const concurrency = 8;

export const findAutopilotDevicesFunction = onHttp(
  operation({
    name: "autopilot-devices-find",
    method: "POST",
    path: "api/v1/autopilot-devices/find",
    summary: "Find a serial number in every tenant whose registrations you may read",
    tag: "Registrations",
    body: SerialQuestion,
    answers: { 200: { description: "Where it is registered", body: FoundDevices } },
  }),
  async (
    { body: { serialNumber } },
    tools: Tools<Needs & { readonly tenantStore: Pick<TenantStore, "list"> }>,
  ) => {
    const { inventory, tenantStore } = tools.services;
    const { standing, note } = signedInOf(tools);
    // Asked for by POST, so that serial numbers stand in no address; and it changes nothing.
    note({ after: {}, unchanged: true });
    const tenantIds: string[] = [];
    let token: string | undefined;
    do {
      const page: Awaited<ReturnType<TenantStore["list"]>> = await tenantStore.list(100, token);
      for (const { tenantId } of page.tenants) {
        const may = decide(standing, "registration.read", { kind: "tenant", tenantId });
        if (may.allowed && may.limits.kind === "all") tenantIds.push(tenantId);
      }
      token = page.next;
    } while (token !== undefined);
    if (tenantIds.length > maxTenants)
      return fail("too-many-targets", `You read ${tenantIds.length} tenants: ask them one by one.`);
    const answers = await inParallel(tenantIds, concurrency, async (tenantId) => ({
      tenantId,
      found: await inventory.find(tenantId, serialNumber),
    }));
    const value = answers.flatMap(({ tenantId, found }) =>
      found.ok ? found.value.map((device) => ({ tenantId, ...device })) : [],
    );
    const unanswered = answers.flatMap(({ tenantId, found }) =>
      found.ok ? [] : [{ tenantId, code: found.failure.code }],
    );
    return succeed(ok({ value, unanswered }));
  },
);

export const changeAutopilotDeviceFunction = onHttp(
  operation({
    name: "autopilot-devices-change",
    method: "PATCH",
    path: "api/v1/tenants/{tenantId}/autopilot-devices/{autopilotDeviceId}",
    summary: "Change a registered device: its group tag, its name, its user",
    tag: "Registrations",
    params: AutopilotDevicePath,
    body: DeviceChange,
    answers: { 200: { description: "What Intune shows of it by now", body: ChangedDevice } },
  }),
  async (
    { params: { tenantId, autopilotDeviceId }, body },
    tools: Tools<Needs & { readonly ownTags: OwnTags }>,
  ) => {
    const { inventory, ownTags } = tools.services;
    const wrong = refusedTag(body.groupTag, await ownTags.of(tenantId), "/groupTag");
    if (wrong !== undefined) return wrong;
    const changed = await inventory.change(tenantId, autopilotDeviceId, body);
    if (!changed.ok) return changed;
    signedInOf(tools).note({ object: `autopilot-device/${autopilotDeviceId}`, after: body });
    return succeed(ok(changed.value));
  },
);

export const deregisterAutopilotDevicesFunction = onHttp(
  operation({
    name: "autopilot-devices-deregister",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/autopilot-devices/deregister",
    summary: "Take devices out of Autopilot, by their serial numbers",
    tag: "Registrations",
    idempotent: true,
    params: TenantPath,
    body: Deregistration,
    answers: {
      202: {
        description: "Taken; watch it at Location, as a registration",
        body: RegistrationView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async (
    { params: { tenantId }, body: { serialNumbers }, seed: registrationId },
    tools: Tools<{ readonly register: RegistrationParts }>,
  ) => {
    const { register } = tools.services;
    const { caller, note } = signedInOf(tools);
    note({ after: {} });
    const ids = { tenantId, registrationId };
    const sent = await deregisterDevices(register, ids, serialNumbers, caller);
    if (!sent.ok) return sent;
    const { state, rows } = sent.value;
    note({ object: `registration/${registrationId}`, after: { registrationId, state, rows } });
    tools.log("registration.deregister", { tenantId, registrationId });
    const location = `/api/v1/tenants/${tenantId}/registrations/${registrationId}`;
    return succeed(accepted(location, await viewOf(register, sent.value)));
  },
);
