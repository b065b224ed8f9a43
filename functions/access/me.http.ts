/** Shows callers to themselves: who they are and what they hold, and why they, or somebody else, may do something. */

import * as z from "zod";
import {
  ExplainQuery,
  ExplainView,
  explainAccess,
  explainView,
  MeView,
  meView,
  operationsFor,
} from "../../shared/access/explain.ts";
import { evaluate } from "../../shared/access/roles/decide.ts";
import type { ActionPermissionName } from "../../shared/access/roles/roles.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { catalogue, findAction } from "../../shared/devices/actions/catalogue.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantId } from "../../shared/kernel/values.ts";
import { findActionType } from "../../shared/provisioning/actions/catalogue.ts";
import { onHttp } from "../define.ts";

export const getMeFunction = onHttp(
  operation({
    name: "me-get",
    method: "GET",
    path: "api/v1/me",
    summary: "Show who you are and what you may do, in a tenant or where none is named",
    tag: "Access",
    query: z.strictObject({ tenantId: TenantId.optional() }),
    answers: { 200: { description: "You", body: MeView } },
  }),
  async ({ query: { tenantId } }, tools) => {
    const { caller, standing } = signedInOf(tools);
    const maySend = (actionPermission: ActionPermissionName): boolean =>
      evaluate(standing, { kind: "action" }, { tenantId, actionPermission }).allowed;
    const actions = catalogue.filter(({ permission }) => maySend(permission)).map(({ id }) => id);
    const may = { ...operationsFor(standing, tenantId), actions };
    return Promise.resolve(succeed(ok(meView(caller, standing, may))));
  },
);

// Explains whether somebody may call an operation, down to the assignment.

/** What an action takes, sent by itself and as one of a template: either has some of its own. */
function needsOf(id: string) {
  const [action, type] = [findAction(id), findActionType(id)];
  if (action === undefined && type === undefined) return undefined;
  return { actionPermission: action?.permission, typePermissions: type?.permissions };
}

export const explainAccessFunction = onHttp(
  operation({
    name: "access-explain",
    method: "GET",
    path: "api/v1/access/explain",
    summary: "Explain what you or, with access.read, somebody else may do, and why",
    tag: "Access",
    query: z.strictObject(ExplainQuery),
    answers: { 200: { description: "The answer and its reasons", body: ExplainView } },
  }),
  async ({ query }, tools) => {
    const { standing, caller } = signedInOf(tools);
    // Of somebody else the query says which groups they are in.
    const about = query.principal === undefined ? caller : { groupsComplete: true };
    const answer = explainAccess(standing, query, needsOf);
    return Promise.resolve(
      answer.ok ? succeed(ok(explainView(query.operation, about, answer.value))) : answer,
    );
  },
);
