/** Shows an assignment. */
import { AssignmentPath, AssignmentView } from "../../shared/access/contract.ts";
import { readAssignment } from "../../shared/access/manage-assignments.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const getAssignmentFunction = onHttp(
  operation({
    name: "assignments-get",
    method: "GET",
    path: "api/v1/access/assignments/{assignmentId}",
    summary: "Show an assignment",
    tag: "Access",
    params: AssignmentPath,
    answers: { 200: { description: "The assignment", body: AssignmentView, headers: ["ETag"] } },
  }),
  async ({ params }, tools) => {
    const found = await readAssignment(signedInOf(tools).access, params.assignmentId);
    return found.ok ? succeed(ok(found.value.assignment, found.value.etag)) : found;
  },
);
