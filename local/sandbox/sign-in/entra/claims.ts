/** What the tokens of this stand-in say, in the words and the shape of Entra's. */
import type { IssuedToken, UnsignedToken } from "oidc-provider";
import type { Directory } from "../directories.ts";
import { api, type Resource } from "./resources.ts";
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
      : userClaims(user, token.clientId, scope)),
    azp: token.clientId,
    tid: directory.id,
    uti: jti,
    ver: "2.0",
  };
}

function userClaims(user: User, clientId: string, scope: unknown): object {
  return {
    azpacr: "0",
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    name: user.name,
    oid: user.id,
    preferred_username: user.userName,
    scp: scope,
    sub: subjectOf(user, clientId),
  };
}

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
