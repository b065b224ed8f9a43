/** Shows the action catalogue. */
import * as z from "zod";
import type { Route } from "../../shared/devices/actions/action.ts";
import { catalogue, groupNames } from "../../shared/devices/actions/catalogue.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

const Names = z.object({ en: z.string(), fr: z.string() });

const ActionView = z
  .object({
    id: z.string(),
    name: Names,
    group: z.enum(["installationAndScripts", "clientNotification", "endpointProtection"]),
    groupName: Names,
    permission: z.string().describe("Permission on the collection, in ConfigMgr's words"),
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
  async () => {
    const value = catalogue.map((action) => ({
      ...action,
      groupName: groupNames[action.group],
      routes: action.routes.map(shown),
    }));
    return Promise.resolve(succeed(ok({ value })));
  },
);
