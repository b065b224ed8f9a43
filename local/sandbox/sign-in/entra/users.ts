/**
 * The people of the home directory: one for each built-in role of the API they sign in to, and one who
 * has been given nothing. What they may do is decided there; here they only have names.
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

/** The subject of a user's tokens: another one for every app, as Entra has it. */
export const subjectOf = ({ id }: User, clientId: string): string =>
  createHash("sha256").update(`${id}/${clientId}`).digest("base64url");
