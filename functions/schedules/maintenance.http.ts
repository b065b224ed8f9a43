/** Maintenance windows of a tenant and of its collections: when tasks, and what they do to devices, may begin. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import {
  MaintenanceBody,
  MaintenanceView,
  maintenanceOf,
  maintenanceView,
} from "../../shared/schedules/contract.ts";
import type { MaintenanceBook } from "../../shared/schedules/maintenance.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly maintenance: MaintenanceBook };

const answers = { 200: { description: "The windows", body: MaintenanceView, headers: ["ETag"] } };

export const getWindowsFunction = onHttp(
  operation({
    name: "windows-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/windows",
    summary: "Show the maintenance windows of a tenant and of its collections",
    tag: "Tasks",
    params: TenantPath,
    answers,
  }),
  async ({ params: { tenantId } }, { services: { maintenance } }: Tools<Needs>) => {
    const { value, etag } = await maintenance.read(tenantId);
    return succeed(ok(maintenanceView(value), etag));
  },
);

export const replaceWindowsFunction = onHttp(
  operation({
    name: "windows-replace",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/windows",
    summary: "Replace the maintenance windows of a tenant and of its collections",
    tag: "Tasks",
    conditional: true,
    params: TenantPath,
    body: MaintenanceBody,
    answers,
  }),
  async ({ params: { tenantId }, body, ifMatch }, tools: Tools<Needs>) => {
    const { maintenance } = tools.services;
    const replaced = await maintenance.replace(tenantId, maintenanceOf(body), ifMatch);
    if (!replaced.ok) return replaced;
    const { value, etag, before } = replaced.value;
    const noted = { before: maintenanceView(before), after: maintenanceView(value) };
    signedInOf(tools).note({ object: "windows", ...noted });
    return succeed(ok(maintenanceView(value), etag));
  },
);
