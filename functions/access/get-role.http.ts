/** Shows a role. */
import { RolePath, RoleView } from "../../shared/access/contract.ts";
import { readRole } from "../../shared/access/manage-roles.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
  async ({ params }, tools) => {
    const found = await readRole(signedInOf(tools).access, params.roleId);
    return found.ok ? succeed(ok(found.value.role, found.value.etag)) : found;
  },
);
