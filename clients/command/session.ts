/**
 * Where Muster is and who asks. A sign-in is kept beside what else `npm start` keeps, in a file that only its owner
 * reads: the access token alone, which is over in about an hour; nothing that gets new ones (docs/decisions/0055).
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ownFolder, readIfThere, replaceText } from "../../local/kept-file.ts";
import type { Ready } from "../../local/start/ready.ts";
import { readStartSettings } from "../../local/start/settings.ts";
import { type Api, apiAt } from "../api.ts";
import { type Asked, type Commands, exitCodes, heard, Stop } from "./asked.ts";
import { say, show } from "./print.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Kept = { readonly url: string; readonly token: string };

const root = fileURLToPath(new URL("../..", import.meta.url));
const homeOf = (environment: Environment): string =>
  readStartSettings({ MUSTER_HOME: environment["MUSTER_HOME"] }, root).home;

/** Each name that somebody signs in `--as` has a sign-in of its own. */
function fileOf(environment: Environment, as = "me"): string {
  if (!/^[a-z0-9-]{1,32}$/.test(as))
    throw new Stop("--as takes a name of small letters, digits and hyphens.");
  return join(homeOf(environment), `session-${as}.json`);
}

/** Muster's address: `MUSTER_URL`, or that of the Muster that runs here. */
function addressOf(environment: Environment): string {
  const { MUSTER_URL: set } = environment;
  const url = set === undefined || set === "" ? readyIn(environment).url : set;
  const { protocol, hostname } = URL.parse(url) ?? { protocol: "", hostname: "" };
  // A token goes there: nobody may be able to read it on the way.
  if (protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname)) return url;
  throw new Stop("MUSTER_URL must begin with https://, but for this machine.");
}

function readyIn(environment: Environment): Ready {
  const text = readIfThere(join(homeOf(environment), "ready.json"));
  if (text !== undefined) return JSON.parse(text) as Ready;
  throw new Stop(
    "No Muster runs here: start it with npm start, or set MUSTER_URL to where one is.",
    exitCodes.notReached,
  );
}

const pause = (seconds: number): Promise<void> => sleep(seconds * 1000);

/** The API as whoever signed in sees it. */
export function openApi(environment: Environment, as: string | undefined): Api {
  const file = fileOf(environment, as);
  const baseUrl = addressOf(environment);
  const text = readIfThere(file);
  const kept = text === undefined ? undefined : (JSON.parse(text) as Kept);
  // What was given for one Muster is shown to no other.
  const token = kept?.url === baseUrl ? kept.token : undefined;
  return apiAt({ baseUrl, token: () => Promise.resolve(token), wait: pause });
}

/** Signs somebody in with the device code of `npm run sign-in`, and keeps the token without showing it. */
async function newToken(environment: Environment, asAdmin: boolean): Promise<string> {
  if (asAdmin) return environment["MUSTER_ADMIN_TOKEN"] ?? readyIn(environment).adminToken;
  // Loaded for this alone: everything else is quicker without.
  const [{ signIn }, { findPlace }, { complaintOf }] = await Promise.all([
    import("../../local/sign-in/device-code.ts"),
    import("../../local/sign-in/place.ts"),
    import("../../local/sign-in/complaint.ts"),
  ]);
  const place = findPlace(environment, homeOf(environment));
  return signIn(place, (message) => console.error(message)).catch((cause: unknown) => {
    throw new Stop(complaintOf(cause, place.authority));
  });
}

export const sessionCommands: Commands = {
  "sign-in": async (asked) => {
    const { options } = asked;
    const file = fileOf(process.env, options.as);
    const url = addressOf(process.env);
    const token = await newToken(process.env, options.admin === true);
    ownFolder(homeOf(process.env));
    replaceText(file, JSON.stringify({ url, token } satisfies Kept));
    const me = heard(await openApi(process.env, options.as).call("GET /api/v1/me"));
    show(asked, me.body, ({ name, kind }) => `Signed in at ${url} as ${name ?? kind}.`);
    return exitCodes.done;
  },
  "sign-out": (asked) => {
    rmSync(fileOf(process.env, asked.options.as), { force: true });
    say(asked, "Signed out.");
    return Promise.resolve(exitCodes.done);
  },
};

/** The tenant that is meant. @throws Stop where none is, or several could be. */
export async function tenantIn(api: Api, named: Asked["options"]["tenant"]): Promise<string> {
  if (named !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(named))
    return named;
  const found: { tenantId: string; displayName: string }[] = [];
  for await (const page of api.pages("GET /api/v1/tenants"))
    found.push(
      ...heard(page).body.value.filter(
        ({ displayName }) =>
          named === undefined || displayName.toLowerCase() === named.toLowerCase(),
      ),
    );
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only.tenantId;
  const which = named === undefined ? "" : ` called "${named}"`;
  throw new Stop(
    only === undefined
      ? `There is no tenant${which} that you may see.`
      : `There are ${found.length} tenants${which}: say which by --tenant and its id.`,
  );
}
