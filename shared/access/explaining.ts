/** Explains what somebody may do: the caller themselves, or another principal for who may read access. */
import { z } from "zod";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { Guid, TenantId } from "../kernel/values.ts";
import { type Authorization, authorize, type RequestTarget } from "./authorize.ts";
import type { Caller, Principal } from "./caller.ts";
import { decide, type Standing } from "./decide.ts";
import { refusalOf } from "./refusal.ts";
import { requirementOf } from "./requirements.ts";

const principalPattern = /^(user|group|app):([0-9a-f-]{36}):([0-9a-f-]{36})$/i;

/** Query of an explanation. */
export const ExplainQuery = {
  operation: z.string().min(1).max(100).describe("operationId, such as notifications-send"),
  tenantId: TenantId.optional(),
  collectionId: z.string().min(1).max(64).optional(),
  principal: z
    .string()
    .regex(principalPattern, "must be kind:homeTenantId:id, with kind user, group or app")
    .transform((text): Principal => {
      const [, kind = "user", homeTenantId = "", id = ""] = principalPattern.exec(text) ?? [];
      const ids = { homeTenantId: homeTenantId.toLowerCase(), id: id.toLowerCase() };
      return { kind: kind.toLowerCase() as Principal["kind"], ...ids };
    })
    .optional()
    .describe("kind:homeTenantId:id; absent means you"),
  groups: z
    .string()
    .max(8000)
    .transform((text) => text.split(","))
    .pipe(z.array(Guid).max(200))
    .optional()
    .describe("Groups of that principal, since no directory is asked; comma separated"),
};

/** Answers whether somebody may call an operation, with the reasons. */
export function explainAccess(
  standing: Standing,
  about: {
    readonly operation: string;
    readonly principal?: Principal | undefined;
    readonly groups?: readonly string[] | undefined;
  },
  target: RequestTarget,
): Result<Authorization> {
  const requirement = requirementOf(about.operation);
  if (requirement === undefined)
    return fail("invalid-request", `There is no operation ${about.operation}.`, {
      faults: [{ pointer: "/query/operation", detail: "no such operationId" }],
    });
  if (about.principal === undefined) return succeed(authorize(standing, requirement, target));
  const may = decide(standing, "access.read", { kind: "global" });
  if (!may.allowed) return refusalOf(may.step, "access.read");
  const caller = imagined(about.principal, about.groups ?? []);
  return succeed(authorize({ ...standing, caller }, requirement, target));
}

/** A caller as a token of that principal would make them; a group is somebody who is only in it. */
function imagined({ kind, homeTenantId, id }: Principal, groups: readonly string[]): Caller {
  const isGroup = kind === "group";
  return {
    kind: kind === "app" ? "app" : "user",
    oid: isGroup ? "" : id,
    tid: homeTenantId,
    appId: kind === "app" ? id : "",
    groups: isGroup ? [id, ...groups] : groups,
    groupsComplete: true,
    scopes: [],
    roles: [],
  };
}
