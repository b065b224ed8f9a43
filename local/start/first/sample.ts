/**
 * A tenant to begin with: its devices are there, and some fail at what they are asked the first time, so that the first ten
 * minutes have something to send, to watch and to mend. Made once; whoever removes it finds it gone after the next start, too.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readIfThere, replaceText } from "../../kept-file.ts";
import { insist, type Muster } from "./first-roles.ts";

const tenantId = "5a5a5a5a-1111-4222-8333-444444444444";
const displayName = "Adatum";
const fleet = { tenantId, displayName, devices: 5000, seed: 1 };
/** Of the 3,854 Windows devices that Intune manages, a quick scan fails on 66, and is done the next time. */
const behaviour = { tenantId, failRate: 0.0181, failsOnce: true };

/** Reading so many devices takes seconds; nobody waits longer for a ready line. */
const timeoutMs = 60_000;

/** Sees to the sample tenant. `folder` is the storage's: what was made is noted beside it, and goes when it goes. */
export async function makeSample(
  muster: Muster,
  sandboxUrl: string,
  folder: string,
): Promise<void> {
  const note = join(folder, "sample-tenant.json");
  if (readIfThere(note) === undefined) {
    await inSandbox(sandboxUrl, "POST", "tenants", fleet);
    const tenant = { tenantId, displayName };
    await insist(muster, "The sample tenant cannot be registered", "tenants", tenant, [409]);
    await refresh(muster);
    replaceText(note, JSON.stringify({ tenantId }));
  }
  // The stand-in keeps tenants, and not how they behave.
  await inSandbox(sandboxUrl, "PUT", "behaviour", behaviour);
}

async function refresh(muster: Muster): Promise<void> {
  const path = `tenants/${tenantId}/devices/refresh`;
  const begun = await insist(muster, "The sample's devices cannot be read", path, undefined, [409]);
  const location = begun.headers.get("Location");
  if (location === null) return;
  const until = performance.now() + timeoutMs;
  while (performance.now() < until) {
    const headers = { Authorization: `Bearer ${muster.adminToken}` };
    const answer = await fetch(muster.url + location, { headers }).catch(() => undefined);
    const state = (await answer?.json().catch(() => ({}))) as { readonly final?: boolean };
    if (state?.final === true) return;
    await sleep(200);
  }
}

/** A tenant that is there already is one that a start made which was cut short. */
async function inSandbox(url: string, method: string, path: string, body: object): Promise<void> {
  const answer = await fetch(`${url}/_sandbox/${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok && answer.status !== 409)
    throw new Error(`The sample tenant cannot be made: ${answer.status} ${await answer.text()}`);
}
