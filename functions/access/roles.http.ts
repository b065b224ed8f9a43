/** Roles: the built-in ones are listed and shown, those of this installation made, replaced and removed too. */
import * as z from "zod";
import { RoleBody, RoleId } from "../../shared/access/roles/contract.ts";
import { permissionNames } from "../../shared/access/roles/roles.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { created, noContent, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp, type Tools } from "../define.ts";
import type { AccessServices } from "../services-access.ts";

type Needs = { readonly access: AccessServices };

// What the API says about roles.

/** A role as the API shows it. */
const RoleView = z
  .object({
    roleId: z.string(),
    name: z.string(),
    names: z
      .object({ en: z.string(), fr: z.string() })
      .optional()
      .describe("In each language; built-in roles only"),
    description: z.string(),
    permissions: z.array(z.enum(permissionNames)),
    builtIn: z.boolean().describe("Comes with every installation and cannot be changed"),
  })
  .meta({ id: "Role" });

/** Path of one role. */
const RolePath = z.strictObject({ roleId: RoleId });

// The operations.

export const listRolesFunction = onHttp(
  operation({
    name: "roles-list",
    method: "GET",
    path: "api/v1/access/roles",
    summary: "List roles",
    tag: "Access",
    answers: { 200: { description: "All roles", body: z.object({ value: z.array(RoleView) }) } },
  }),
  async (_input, { services }: Tools<Needs>) =>
    succeed(ok({ value: await services.access.roles.list() })),
);

// Makes a role.

export const addRoleFunction = onHttp(
  operation({
    name: "roles-add",
    method: "POST",
    path: "api/v1/access/roles",
    summary: "Make a role from permissions that you hold yourself",
    tag: "Access",
    idempotent: true,
    body: RoleBody,
    answers: { 201: { description: "Made", body: RoleView, headers: ["Location", "ETag"] } },
  }),
  async ({ body, seed }, tools: Tools<Needs>) => {
    const { roles } = tools.services.access;
    const { standing, note } = signedInOf(tools);
    const added = await roles.add(standing, seed, body);
    if (!added.ok) return added;
    const { role, etag } = added.value;
    note({ object: `role/${role.roleId}`, after: role });
    return succeed(created(`/api/v1/access/roles/${role.roleId}`, role, etag));
  },
);

// Shows a role.

export const getRoleFunction = onHttp(
  operation({
    name: "roles-get",
    method: "GET",
    path: "api/v1/access/roles/{roleId}",
    summary: "Show a role",
    tag: "Access",
    params: RolePath,
    answers: { 200: { description: "The role", body: RoleView, headers: ["ETag"] } },
  }),
  async ({ params }, { services }: Tools<Needs>) => {
    const found = await services.access.roles.read(params.roleId);
    return found.ok ? succeed(ok(found.value.role, found.value.etag)) : found;
  },
);

// Replaces a role; whoever holds it has the new permissions within seconds.

export const replaceRoleFunction = onHttp(
  operation({
    name: "roles-replace",
    method: "PUT",
    path: "api/v1/access/roles/{roleId}",
    summary: "Replace a role",
    tag: "Access",
    conditional: true,
    params: RolePath,
    body: RoleBody,
    answers: { 200: { description: "The role as it is now", body: RoleView, headers: ["ETag"] } },
  }),
  async ({ params: { roleId }, body, ifMatch }, tools: Tools<Needs>) => {
    const { roles } = tools.services.access;
    const { standing, note } = signedInOf(tools);
    const replaced = await roles.replace(standing, { roleId, body, ifMatch });
    if (!replaced.ok) return replaced;
    const { role, etag, before } = replaced.value;
    note({ object: `role/${roleId}`, before, after: role });
    return succeed(ok(role, etag));
  },
);

// Removes a role that nobody holds.

export const removeRoleFunction = onHttp(
  operation({
    name: "roles-remove",
    method: "DELETE",
    path: "api/v1/access/roles/{roleId}",
    summary: "Remove a role that nobody holds",
    tag: "Access",
    conditional: true,
    params: RolePath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params: { roleId }, ifMatch }, tools: Tools<Needs>) => {
    const { note } = signedInOf(tools);
    const removed = await tools.services.access.roles.remove(roleId, ifMatch);
    if (!removed.ok) return removed;
    note({ object: `role/${roleId}`, before: removed.value, after: null });
    return succeed(noContent());
  },
);
