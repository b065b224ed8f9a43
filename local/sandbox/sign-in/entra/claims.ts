/** What the tokens of this stand-in say, in the words and the shape of Entra's. */
import type { IssuedToken, UnsignedToken } from "oidc-provider";
import type { Directory } from "../directories.ts";
import { api, partnerScope, type Resource } from "./resources.ts";
import { indicated } from "./scopes.ts";
import { subjectOf, type User } from "./users.ts";

/** Rewrites an access token that is about to be signed. */
export function writeClaims(
  token: IssuedToken,
  jwt: UnsignedToken,
  directory: Directory,
  resources: readonly Resource[],
): void {
  const resource = indicated(token.resourceServer.identifier(), resources)?.resource;
  if (resource === undefined) throw new Error("a token is signed for an API that is not known");
  const { aud, iss, iat, exp, jti, scope } = jwt.payload;
  const user = directory.users.find(({ id }) => id === token.accountId);
  jwt.header = { typ: "JWT" };
  jwt.payload = {
    aud,
    iss,
    iat,
    nbf: iat,
    exp,
    ...(user === undefined
      ? appClaims(directory, token.clientId, resource)
      : userClaims(user, {
          clientId: token.clientId,
          scope: granted(scope, directory, resource),
          resource,
          mfa: directory.hasMfa(),
        })),
    azp: token.clientId,
    tid: directory.id,
    uti: jti,
    ver: "2.0",
  };
}

/** In every directory's tokens for Graph: whoever is a user there. */
const everyUser = "b79fbf4d-3ef9-4689-8143-76b194e85509";

function userClaims(
  user: User,
  {
    clientId,
    scope,
    resource,
    mfa,
  }: { clientId: string; scope: unknown; resource: Resource; mfa: boolean },
): object {
  const graphs = {
    appid: clientId,
    appidacr: "0",
    idtyp: "user",
    wids: [...(user.directoryRoles ?? []), everyUser],
  };
  return {
    azpacr: "0",
    amr: mfa ? ["pwd", "mfa"] : ["pwd"],
    ...(resource === api ? {} : graphs),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    name: user.name,
    oid: user.id,
    preferred_username: user.userName,
    scp: scope,
    sub: subjectOf(user, clientId),
  };
}

/** Of what was asked for in somebody's name, what the directory's administrators have consented to. */
const granted = (scope: unknown, directory: Directory, resource: Resource): string =>
  (typeof scope === "string" ? scope : "")
    .split(" ")
    .filter(
      (word) => resource === api || word === partnerScope || directory.scopes().includes(word),
    )
    .join(" ");

function appClaims(directory: Directory, clientId: string, resource: Resource): object {
  const oid = directory.servicePrincipal(clientId);
  const roles = directory.appRoles(clientId, resource);
  // Graph's tokens have the claims of version 1 besides.
  const older = resource === api ? {} : { appid: clientId, appidacr: "1", idtyp: "app" };
  return { azpacr: "1", ...older, oid, sub: oid, ...(roles.length === 0 ? {} : { roles }) };
}

/** What an ID token says of a person. */
export const idClaims = ({ id, name, userName }: User, directory: Directory): object => ({
  sub: id,
  oid: id,
  tid: directory.id,
  ver: "2.0",
  name,
  preferred_username: userName,
});

/** Who signed in, as MSAL wants it beside the tokens. */
export const clientInfo = (userId: string, directory: Directory): string =>
  Buffer.from(JSON.stringify({ uid: userId, utid: directory.id })).toString("base64url");
