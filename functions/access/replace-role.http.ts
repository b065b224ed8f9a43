/** Replaces a role; whoever holds it has the new permissions within seconds. */
import { RoleBody, RolePath, RoleView } from "../../shared/access/contract.ts";
import { replaceRole } from "../../shared/access/manage-roles.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
  async ({ params: { roleId }, body, ifMatch }, tools) => {
    const { access, standing, note } = signedInOf(tools);
    const replaced = await replaceRole(access, standing, { roleId, body, ifMatch });
    if (!replaced.ok) return replaced;
    const { role, etag, before } = replaced.value;
    note({ object: `role/${roleId}`, before, after: role });
    return succeed(ok(role, etag));
  },
);
