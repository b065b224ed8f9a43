/**
 * What the sandbox's users and its program may do at first: given over Muster's own API, as an operator
 * would, and once only. Whoever takes a role away finds it gone after the next start, too.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readIfThere, replaceText } from "../../kept-file.ts";
import type { HomeAnnouncement } from "../../sandbox/sign-in/announcement.ts";
import type { User } from "../../sandbox/sign-in/entra/users.ts";

/** The setting MUSTER_FIRST_ADMIN makes this one an administrator; the others get their role from us. */
const administrator = "full@muster.example";
const roleOfUser: Readonly<Record<string, string>> = {
  "operations@muster.example": "operationsAdministrator",
  "infrastructure@muster.example": "infrastructureAdministrator",
  "application@muster.example": "applicationAdministrator",
  "os-deployment@muster.example": "osDeploymentManager",
  "endpoint-protection@muster.example": "endpointProtectionManager",
  "security@muster.example": "securityAdministrator",
  "analyst@muster.example": "readOnlyAnalyst",
  "partner@muster.example": "partner",
};
const maxAttempts = 10;

/** Whom its administrator asks. */
export type Muster = { readonly url: string; readonly adminToken: string };
type Gift = { readonly kind: "user" | "app"; readonly id: string; readonly roleId: string };

/** The user whom the settings make an administrator. */
export function firstAdministrator({ users }: HomeAnnouncement): User {
  const found = users.find(({ userName }) => userName === administrator);
  if (found === undefined) throw new Error(`The sandbox has no user ${administrator}.`);
  return found;
}

/**
 * Gives everybody their role who has not been given it before.
 * @param folder Of the storage: what was given is noted beside it, and goes when it goes.
 * @throws Words for people when Muster does not take an assignment.
 */
export async function giveFirstRoles(
  muster: Muster,
  home: HomeAnnouncement,
  folder: string,
): Promise<void> {
  const note = join(folder, "first-roles.json");
  const given = new Set(JSON.parse(readIfThere(note) || "[]") as string[]);
  const missing = gifts(home).filter(({ id }) => !given.has(id));
  if (missing.length === 0) return;
  for (const gift of missing) {
    await give(muster, home.tenantId, gift);
    given.add(gift.id);
  }
  replaceText(note, JSON.stringify([...given]));
}

function gifts({ users, automation, relay }: HomeAnnouncement): Gift[] {
  const people = users.flatMap(({ id, userName }): Gift[] => {
    const roleId = roleOfUser[userName];
    return roleId === undefined ? [] : [{ kind: "user", id, roleId }];
  });
  return [
    ...people,
    { kind: "app", id: automation.clientId, roleId: "operationsAdministrator" },
    { kind: "app", id: relay.clientId, roleId: "relay" },
  ];
}

async function give(
  muster: Muster,
  homeTenantId: string,
  { kind, id, roleId }: Gift,
): Promise<void> {
  const body = {
    principal: { kind, homeTenantId, id },
    roleId,
    scope: { kind: "everything" },
    note: "Given at the first start",
  };
  await insist(muster, "The first roles cannot be given", "access/assignments", body, [], id);
}

/**
 * Asks until it is done, or refused with one of `statuses`.
 * @throws Words for people, `fault` first, when Muster does not take it.
 */
export async function insist(
  muster: Muster,
  fault: string,
  path: string,
  body: object | undefined,
  statuses: readonly number[],
  key = "sample",
): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    // The functions may be on their way back from a crash, which is no reason to give up.
    const answer = await post(muster, path, `first-role-${key}`, body).catch(() => undefined);
    if (answer?.ok || (answer && statuses.includes(answer.status))) return answer;
    const wait = answer === undefined ? 1 : Number(answer.headers.get("Retry-After"));
    if (wait === 0 || attempt === maxAttempts) {
      const why = answer === undefined ? "no answer" : `${answer.status} ${await answer.text()}`;
      throw new Error(`${fault}: ${why}`);
    }
    await sleep(wait * 1000);
  }
}

/** A start that was cut short before it took its note does it again: nobody has a role twice then. */
const post = (
  { url, adminToken }: Muster,
  path: string,
  idempotencyKey: string,
  body: object | undefined,
) =>
  fetch(`${url}/api/v1/${path}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${adminToken}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      "Idempotency-Key": idempotencyKey,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
