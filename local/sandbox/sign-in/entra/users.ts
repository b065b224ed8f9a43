/**
 * The people of the home directory: one for each built-in role of the API they sign in to, and one who
 * has been given nothing. What they may do is decided there; here they only have names. And a few people of each
 * customer's directory, who have Entra's own roles in it.
 */
import { createHash } from "node:crypto";
import { seedOf } from "../../fleet/chance.ts";
import { guidFamily } from "../../fleet/guids.ts";

/** A person who can sign in. */
export type User = {
  /** Object id: made of the user name, so that it outlives every restart. */
  readonly id: string;
  readonly userName: string;
  readonly name: string;
  /** Object ids of the groups they are in. */
  readonly groups: readonly string[];
  /** Template ids of their roles in the directory. */
  readonly directoryRoles?: readonly string[];
};

const domain = "muster.example";
const idOf = (name: string): string => guidFamily(seedOf(name)).at(0);

/** A group that nobody has given anything: for trying assignments to groups. */
const newcomersGroupId = idOf(`group newcomers@${domain}`);

const person = (account: string, name: string, groups: readonly string[] = []): User => {
  const userName = `${account}@${domain}`;
  return { id: idOf(userName), userName, name, groups };
};

/** Everybody of the home directory. */
export const seededUsers: readonly User[] = [
  person("full", "Full Administrator"),
  person("operations", "Operations Administrator"),
  person("infrastructure", "Infrastructure Administrator"),
  person("application", "Application Administrator"),
  person("os-deployment", "OS Deployment Manager"),
  person("endpoint-protection", "Endpoint Protection Manager"),
  person("security", "Security Administrator"),
  person("analyst", "Read-only Analyst"),
  person("partner", "Partner"),
  person("newcomer", "Newcomer", [newcomersGroupId]),
];

/** Entra's template ids, the same in every directory. */
const globalAdministrator = "62e90394-69f5-4237-9190-012177145e10";
const privilegedRoleAdministrator = "e8611ab8-c189-46e8-94e1-60213ab1f814";
const conditionalAccessAdministrator = "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9";
const intuneAdministrator = "3a2c62db-5318-420d-8d74-23affee5d9d5";

/** The people of a customer: one with every right, one with those that a synchronisation takes, one with none. */
export function customerUsers(tenant: {
  readonly id: string;
  readonly domain: string;
  readonly displayName: string;
}): readonly User[] {
  const one = (account: string, name: string, directoryRoles: readonly string[]): User => {
    const userName = `${account}@${tenant.domain}`;
    const id = idOf(`${tenant.id}/${userName}`);
    return { id, userName, name: `${name} of ${tenant.displayName}`, groups: [], directoryRoles };
  };
  return [
    one("admin", "Global Administrator", [globalAdministrator]),
    one("operator", "Operator", [
      privilegedRoleAdministrator,
      conditionalAccessAdministrator,
      intuneAdministrator,
    ]),
    one("member", "Member", []),
  ];
}

/** The subject of a user's tokens: another one for every app, as Entra has it. */
export const subjectOf = ({ id }: User, clientId: string): string =>
  createHash("sha256").update(`${id}/${clientId}`).digest("base64url");
