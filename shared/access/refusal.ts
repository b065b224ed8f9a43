/**
 * What a refused caller is told. A tenant that is not registered and one that the caller may not see give
 * the very same answer, so that asking reveals nothing.
 */
import { fail, type Result } from "../kernel/failure.ts";
import type { DeniedStep } from "./decide.ts";
import type { Permission } from "./permissions.ts";

const details: Readonly<Record<DeniedStep, (permission: Permission) => string>> = {
  assignment: () => "You are signed in, but no role is assigned to you. Ask an administrator.",
  permission: (permission) => `None of your roles has the permission ${permission}.`,
  scope: (permission) =>
    `Your roles with ${permission} do not reach this, or it does not exist. GET /api/v1/me shows where they do.`,
  "groups-overage": (permission) =>
    `You are in more groups than a token names, so that roles of your groups do not count, and your own do not give ${permission} here. Ask for a role of your own, or for a token with the application's groups only (docs/access.md).`,
};

/** The failure of a denied request. Never name here what was asked for. */
export const refusalOf = (step: DeniedStep, permission: Permission): Result<never> =>
  fail("forbidden", details[step](permission));
