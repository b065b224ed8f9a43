/** What the API says about roles and assignments. */
import * as z from "zod";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { Guid, OwnId, TenantId } from "../../kernel/values.ts";
import { permissionNames } from "./roles.ts";

const PermissionName = z.enum(permissionNames);

const maxScopeEntries = 200;

/** Body of a role's creation, and of its replacement. */
export const RoleBody = z.strictObject({
  name: Line.trim().min(1).max(100),
  description: Prose.max(1000).default(""),
  permissions: z.array(PermissionName).min(1).max(100).describe("What holders may do"),
});
export type RoleBody = z.output<typeof RoleBody>;

/** A role's id from outside. */
export const RoleId = z.string().regex(/^[A-Za-z0-9]{1,64}$/, "must be 1 to 64 letters and digits");

/** What comes in is brought into lower case; what goes out is shown as it is kept. */
const principalOf = <const Kind extends string>(
  kinds: readonly [Kind, ...Kind[]],
  id: typeof Guid | z.ZodString,
) =>
  z.strictObject({
    kind: z.enum(kinds),
    homeTenantId: id.describe("Entra tenant that the principal signs in to"),
    id: id.describe("Object id; for an app its client id is taken as well"),
  });

const scopeOf = (id: typeof TenantId | z.ZodString, collectionId: z.ZodString) =>
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("everything") }),
    z.strictObject({
      kind: z.literal("tenants"),
      tenantIds: z.array(id).min(1).max(maxScopeEntries),
    }),
    z.strictObject({
      kind: z.literal("collections"),
      collections: z
        .array(z.strictObject({ tenantId: id, collectionId }))
        .min(1)
        .max(maxScopeEntries),
    }),
  ]);

/** Body of an assignment's creation, and of its replacement. */
export const AssignmentBody = z.strictObject({
  principal: principalOf(["user", "group", "app"], Guid),
  roleId: RoleId,
  scope: scopeOf(TenantId, OwnId),
  note: Prose.max(500).optional(),
});
export type AssignmentBody = z.output<typeof AssignmentBody>;

/** An assignment as the API shows it. */
export const AssignmentView = z
  .object({
    assignmentId: z.string(),
    principal: principalOf(["user", "group", "app", "bootstrap"], z.string()),
    roleId: z.string(),
    scope: scopeOf(z.string(), z.string()),
    note: z.string().optional(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Assignment" });
