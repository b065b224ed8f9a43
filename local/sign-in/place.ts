/** Where the sign-in command signs in: at the Muster that runs here, or at the authority of the settings. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BaseAddress } from "../../shared/kernel/values.ts";
import { readIfThere } from "../kept-file.ts";
import type { Ready } from "../start/ready.ts";

/** What a sign-in takes. */
export type SignInPlace = {
  /** `https://login.microsoftonline.com/{tenant}`. */
  readonly authority: string;
  readonly clientId: string;
  readonly scope: string;
  /** A certificate to trust besides those that everybody trusts. */
  readonly certificate?: string;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that name another authority, with what stands for them when they are left out. */
const needed = ["MUSTER_AUTHORITY_URL", "MUSTER_HOME_TENANT_IDS", "MUSTER_CLIENT_ID"] as const;

/**
 * Finds it.
 * @param home The folder of the Muster that runs here.
 * @throws One line for people when there is no such place.
 */
export function findPlace(environment: Environment, home: string): SignInPlace {
  return environment["MUSTER_AUTHORITY_URL"] ? placeOfSettings(environment) : placeHere(home);
}

function placeOfSettings(environment: Environment): SignInPlace {
  const missing = needed.filter((name) => !environment[name]);
  if (missing.length > 0)
    throw new Error(
      `To sign in at ${environment["MUSTER_AUTHORITY_URL"]}, set ${missing.join(" and ")} too.`,
    );
  const [authorityUrl = "", tenantIds = "", apiClientId = ""] = needed.map(
    (name) => environment[name],
  );
  // As the app takes it: what signs somebody in goes to nobody who could read it on the way.
  const authority = BaseAddress.safeParse(authorityUrl);
  if (!authority.success)
    throw new Error(`MUSTER_AUTHORITY_URL: ${authority.error.issues[0]?.message ?? "is wrong"}`);
  const [tenantId = ""] = tenantIds.split(",");
  const {
    MUSTER_SIGN_IN_CLIENT_ID: clientId = apiClientId,
    MUSTER_API_SCOPE: permission = "Muster.Use",
    MUSTER_SIGN_IN_SCOPE: scope = `api://${apiClientId}/${permission}`,
  } = environment;
  return { authority: `${authority.data}/${tenantId.trim()}`, clientId, scope };
}

function placeHere(home: string): SignInPlace {
  const text = readIfThere(join(home, "ready.json"));
  if (text === undefined)
    throw new Error(
      `No Muster runs in ${home}: start it with npm start, or set MUSTER_AUTHORITY_URL to sign in elsewhere.`,
    );
  const { authorityUrl, tenantId, clientId, scope, caFile } = (JSON.parse(text) as Ready).signIn;
  const certificate = readFileSync(caFile, "utf8");
  return { authority: `${authorityUrl}/${tenantId}`, clientId, scope, certificate };
}
