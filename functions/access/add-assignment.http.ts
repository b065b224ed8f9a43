/** Gives a role to a principal. */
import { AssignmentBody, AssignmentView } from "../../shared/access/contract.ts";
import { addAssignment } from "../../shared/access/manage-assignments.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { created } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const addAssignmentFunction = onHttp(
  operation({
    name: "assignments-add",
    method: "POST",
    path: "api/v1/access/assignments",
    summary: "Give a role to a user, a group or an app, for everything, tenants or collections",
    tag: "Access",
    idempotent: true,
    body: AssignmentBody,
    answers: { 201: { description: "Given", body: AssignmentView, headers: ["Location", "ETag"] } },
  }),
  async ({ body, seed }, tools) => {
    const { access, standing, note } = signedInOf(tools);
    const added = await addAssignment(access, standing, seed, body);
    if (!added.ok) return added;
    const { assignment, etag } = added.value;
    const { assignmentId } = assignment;
    note({ object: `assignment/${assignmentId}`, after: assignment });
    return succeed(created(`/api/v1/access/assignments/${assignmentId}`, assignment, etag));
  },
);
