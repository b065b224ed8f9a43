/** Shows callers to themselves: who they are and what they hold, and why they, or somebody else, may do something. */

import * as z from "zod";
import {
  ExplainQuery,
  ExplainView,
  explainAccess,
  explainView,
  MeView,
  meView,
} from "../../shared/access/explain.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { findAction } from "../../shared/devices/actions/catalogue.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const getMeFunction = onHttp(
  operation({
    name: "me-get",
    method: "GET",
    path: "api/v1/me",
    summary: "Show who you are and what you may do",
    tag: "Access",
    answers: { 200: { description: "You", body: MeView } },
  }),
  async (_input, tools) => {
    const { caller, standing } = signedInOf(tools);
    return Promise.resolve(succeed(ok(meView(caller, standing))));
  },
);

// Explains whether somebody may call an operation, down to the assignment.

export const explainAccessFunction = onHttp(
  operation({
    name: "access-explain",
    method: "GET",
    path: "api/v1/access/explain",
    summary: "Explain what you or, with access.read, somebody else may do, and why",
    tag: "Access",
    query: z.strictObject({
      ...ExplainQuery,
      action: z.string().max(64).optional().describe("Action id, where the operation sends one"),
    }),
    answers: { 200: { description: "The answer and its reasons", body: ExplainView } },
  }),
  async ({ query }, tools) => {
    const { standing, caller } = signedInOf(tools);
    // Of somebody else the query says which groups they are in.
    const about = query.principal === undefined ? caller : { groupsComplete: true };
    const actionPermission = findAction(query.action ?? "")?.permission;
    const answer = explainAccess(standing, query, { ...query, actionPermission });
    return Promise.resolve(
      answer.ok ? succeed(ok(explainView(query.operation, about, answer.value))) : answer,
    );
  },
);
