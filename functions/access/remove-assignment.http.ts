/** Takes a role away. */
import { AssignmentPath } from "../../shared/access/contract.ts";
import { removeAssignment } from "../../shared/access/manage-assignments.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const removeAssignmentFunction = onHttp(
  operation({
    name: "assignments-remove",
    method: "DELETE",
    path: "api/v1/access/assignments/{assignmentId}",
    summary: "Take a role away; it stops counting within seconds",
    tag: "Access",
    conditional: true,
    params: AssignmentPath,
    answers: { 204: { description: "Taken away" } },
  }),
  async ({ params: { assignmentId }, ifMatch }, tools) => {
    const { access, note } = signedInOf(tools);
    const removed = await removeAssignment(access, assignmentId, ifMatch);
    if (!removed.ok) return removed;
    note({ object: `assignment/${assignmentId}`, before: removed.value, after: null });
    return succeed(noContent());
  },
);
