/** Makes a role. */
import { RoleBody, RoleView } from "../../shared/access/contract.ts";
import { addRole } from "../../shared/access/manage-roles.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { created } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
  async ({ body, seed }, tools) => {
    const { access, standing, note } = signedInOf(tools);
    const added = await addRole(access, standing, seed, body);
    if (!added.ok) return added;
    const { role, etag } = added.value;
    note({ object: `role/${role.roleId}`, after: role });
    return succeed(created(`/api/v1/access/roles/${role.roleId}`, role, etag));
  },
);
