/** Lists roles: the built-in ones, then those of this installation. */
import { z } from "zod";
import { RoleView } from "../../shared/access/contract.ts";
import { listRoles } from "../../shared/access/manage-roles.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const listRolesFunction = onHttp(
  operation({
    name: "roles-list",
    method: "GET",
    path: "api/v1/access/roles",
    summary: "List roles",
    tag: "Access",
    answers: { 200: { description: "All roles", body: z.object({ value: z.array(RoleView) }) } },
  }),
  async (_input, tools) => succeed(ok({ value: await listRoles(signedInOf(tools).access) })),
);
