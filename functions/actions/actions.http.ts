/** Shows the action catalogue, with what each action takes. */
import * as z from "zod";
import { actionPermissionNames } from "../../shared/access/roles/names.ts";
import {
  actionPermissions,
  builtInRoles,
  permissionNames,
  withImplied,
} from "../../shared/access/roles/roles.ts";
import type { Action, Route } from "../../shared/devices/actions/action.ts";
import { catalogue, findAction, groupNames } from "../../shared/devices/actions/catalogue.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { fail, succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

const Names = z.object({ en: z.string(), fr: z.string() });

const ActionView = z
  .object({
    id: z.string(),
    name: Names,
    group: z.enum(["installationAndScripts", "clientNotification", "endpointProtection"]),
    groupName: Names,
    permission: z.string().describe("Permission on the collection, in ConfigMgr's words"),
    permissionName: Names.describe("The same as ConfigMgr's console shows it"),
    takes: z.array(z.enum(permissionNames)).describe("Permissions of Muster's, all of them"),
    roles: z.array(z.string()).describe("Ids of the built-in roles that have them"),
    repeatable: z.boolean().describe("A device that gets it twice is none the worse"),
    parameters: z.enum(["script", "query"]).optional(),
    expiresAfter: z.string(),
    operation: z
      .object({ type: z.int().optional(), method: z.string().optional(), evidence: z.string() })
      .describe("What ConfigMgr is asked, by operation number or method, and how sure that is"),
    routes: z.array(
      z.object({
        id: z.string(),
        fidelity: z.enum(["exact", "approximate"]),
        note: z.string().optional(),
        managements: z.array(z.string()),
        platforms: z.array(z.string()),
        needs: z.string().optional(),
      }),
    ),
  })
  .meta({ id: "Action" });

/** A route as callers need to know it: not how the request to Graph is made. */
const shown = ({ id, fidelity, note, managements, platforms, needs }: Route) => ({
  id,
  fidelity,
  note,
  managements,
  platforms,
  needs,
});

const actionView = (action: Action) => {
  const takes = actionPermissions[action.permission];
  const holds = ({ permissions }: (typeof builtInRoles)[number]): boolean =>
    takes.every((one) => withImplied(permissions).has(one));
  return {
    ...action,
    groupName: groupNames[action.group],
    permissionName: actionPermissionNames[action.permission],
    takes,
    roles: builtInRoles.filter(holds).map(({ roleId }) => roleId),
    routes: action.routes.map(shown),
  };
};

export const listActionsFunction = onHttp(
  operation({
    name: "actions-list",
    method: "GET",
    path: "api/v1/actions",
    summary: "List the actions that can be sent, with their routes to devices",
    tag: "Actions",
    answers: {
      200: { description: "All actions", body: z.object({ value: z.array(ActionView) }) },
    },
  }),
  async () => Promise.resolve(succeed(ok({ value: catalogue.map(actionView) }))),
);

export const getActionFunction = onHttp(
  operation({
    name: "actions-get",
    method: "GET",
    path: "api/v1/actions/{actionId}",
    summary: "Show an action that can be sent",
    tag: "Actions",
    params: z.strictObject({
      actionId: z
        .string()
        .regex(/^[A-Za-z]{1,64}$/, "is not the id of an action")
        .describe("Id of an action"),
    }),
    answers: { 200: { description: "The action", body: ActionView } },
  }),
  async ({ params: { actionId } }) => {
    const action = findAction(actionId);
    return Promise.resolve(
      action === undefined
        ? fail("unknown-route", `There is no action "${actionId}". GET /api/v1/actions lists them.`)
        : succeed(ok(actionView(action))),
    );
  },
);
