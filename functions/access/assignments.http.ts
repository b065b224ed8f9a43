/** Assignments: who holds which role, and where. */
import * as z from "zod";
import { AssignmentBody, AssignmentView } from "../../shared/access/roles/contract.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { created, noContent, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp, type Tools } from "../define.ts";
import type { AccessServices } from "../services-access.ts";

type Needs = { readonly access: AccessServices };

/** Path of one assignment. */
const AssignmentPath = z.strictObject({
  assignmentId: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "is not an assignment's id"),
});

export const listAssignmentsFunction = onHttp(
  operation({
    name: "assignments-list",
    method: "GET",
    path: "api/v1/access/assignments",
    summary: "List who holds which role where, newest first",
    tag: "Access",
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of assignments", body: pageOf(AssignmentView) } },
  }),
  async ({ query, url }, { services }: Tools<Needs>) => {
    const position = positionOf("assignments", query.pageToken);
    if (!position.ok) return position;
    const page = await services.access.assignments.list(query.top, position.value);
    return succeed(ok(pageBody(url, "assignments", page)));
  },
);

// Gives a role to a principal.

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
  async ({ body, seed }, tools: Tools<Needs>) => {
    const { assignments } = tools.services.access;
    const { standing, note } = signedInOf(tools);
    const added = await assignments.add(standing, seed, body);
    if (!added.ok) return added;
    const { assignment, etag } = added.value;
    const { assignmentId } = assignment;
    note({ object: `assignment/${assignmentId}`, after: assignment });
    return succeed(created(`/api/v1/access/assignments/${assignmentId}`, assignment, etag));
  },
);

// Shows an assignment.

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
  async ({ params }, { services }: Tools<Needs>) => {
    const found = await services.access.assignments.read(params.assignmentId);
    return found.ok ? succeed(ok(found.value.assignment, found.value.etag)) : found;
  },
);

// Replaces an assignment: another role, another scope.

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
  async ({ params: { assignmentId }, body, ifMatch }, tools: Tools<Needs>) => {
    const { assignments } = tools.services.access;
    const { standing, note } = signedInOf(tools);
    const replaced = await assignments.replace(standing, { assignmentId, body, ifMatch });
    if (!replaced.ok) return replaced;
    const { assignment, etag, before } = replaced.value;
    note({ object: `assignment/${assignmentId}`, before, after: assignment });
    return succeed(ok(assignment, etag));
  },
);

// Takes a role away.

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
  async ({ params: { assignmentId }, ifMatch }, tools: Tools<Needs>) => {
    const { note } = signedInOf(tools);
    const removed = await tools.services.access.assignments.remove(assignmentId, ifMatch);
    if (!removed.ok) return removed;
    note({ object: `assignment/${assignmentId}`, before: removed.value, after: null });
    return succeed(noContent());
  },
);
