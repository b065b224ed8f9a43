/** Replaces an assignment: another role, another scope. */
import { AssignmentBody, AssignmentPath, AssignmentView } from "../../shared/access/contract.ts";
import { replaceAssignment } from "../../shared/access/manage-assignments.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const replaceAssignmentFunction = onHttp(
  operation({
    name: "assignments-replace",
    method: "PUT",
    path: "api/v1/access/assignments/{assignmentId}",
    summary: "Replace an assignment",
    tag: "Access",
    conditional: true,
    params: AssignmentPath,
    body: AssignmentBody,
    answers: {
      200: { description: "The assignment as it is now", body: AssignmentView, headers: ["ETag"] },
    },
  }),
  async ({ params: { assignmentId }, body, ifMatch }, tools) => {
    const { access, standing, note } = signedInOf(tools);
    const replaced = await replaceAssignment(access, standing, { assignmentId, body, ifMatch });
    if (!replaced.ok) return replaced;
    const { assignment, etag, before } = replaced.value;
    note({ object: `assignment/${assignmentId}`, before, after: assignment });
    return succeed(ok(assignment, etag));
  },
);
