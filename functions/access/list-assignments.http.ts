/** Lists assignments, newest first. */
import { z } from "zod";
import { AssignmentView } from "../../shared/access/contract.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

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
  async ({ query, url }, tools) => {
    const { access } = signedInOf(tools);
    const position = positionOf("assignments", query.pageToken);
    if (!position.ok) return position;
    const page = await access.assignments.list(query.top, position.value);
    return succeed(ok(pageBody(url, "assignments", page)));
  },
);
