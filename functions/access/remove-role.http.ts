/** Removes a role that nobody holds. */
import { RolePath } from "../../shared/access/contract.ts";
import { removeRole } from "../../shared/access/manage-roles.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
  async ({ params: { roleId }, ifMatch }, tools) => {
    const { access, note } = signedInOf(tools);
    const removed = await removeRole(access, roleId, ifMatch);
    if (!removed.ok) return removed;
    note({ object: `role/${roleId}`, before: removed.value, after: null });
    return succeed(noContent());
  },
);
