/** Checks the tokens that Graph is called with. A token is verified once and then remembered. */
import { createPublicKey, verify } from "node:crypto";

/** What a token says about its caller. */
export type Caller = {
  readonly tenantId: string;
  readonly appId: string;
  /** Permissions: the app's own, or those that it has in somebody's name. */
  readonly roles: readonly string[];
  /** Who has signed in, where somebody has. */
  readonly userId: string | undefined;
  /** Whether they have shown a second factor. */
  readonly mfa: boolean;
  /** In seconds since 1970. */
  readonly expires: number;
};

/** What a token came to. */
export type TokenVerdict =
  | { readonly kind: "caller"; readonly caller: Caller }
  | { readonly kind: "refused"; readonly reason: string };

/** Judges the token of a request at a moment in ms. */
export type TokenCheck = (token: string, now: number) => TokenVerdict;

const mostRemembered = 1_000;

/** A check against one signing key and the audiences that Graph answers to. */
export function tokenCheck(
  signingKey: Readonly<Record<string, unknown>>,
  audiences: readonly string[],
): TokenCheck {
  const key = createPublicKey({ key: signingKey, format: "jwk" });
  const remembered = new Map<string, TokenVerdict>();
  const read = (token: string): TokenVerdict => {
    const [header = "", payload = "", signature = ""] = token.split(".");
    const signed = Buffer.from(`${header}.${payload}`);
    const right = verify("sha256", signed, key, Buffer.from(signature, "base64url"));
    if (!right) return refused("InvalidAuthenticationToken: the signature is not valid.");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<
      string,
      unknown
    >;
    if (!audiences.includes(String(claims["aud"])))
      return refused("Access token validation failure. Invalid audience.");
    const isPerson = typeof claims["scp"] === "string";
    const given = isPerson ? String(claims["scp"]).split(" ") : claims["roles"];
    const roles = Array.isArray(given) ? given.map(String) : [];
    const userId = isPerson ? String(claims["oid"]) : undefined;
    const [tenantId, appId] = [String(claims["tid"]), String(claims["appid"] ?? claims["azp"])];
    const expires = Number(claims["exp"]);
    const mfa = Array.isArray(claims["amr"]) && claims["amr"].includes("mfa");
    return { kind: "caller", caller: { tenantId, appId, roles, userId, mfa, expires } };
  };
  return (token, now) => {
    let verdict = remembered.get(token);
    if (verdict === undefined) {
      verdict = read(token);
      if (remembered.size >= mostRemembered) remembered.clear();
      remembered.set(token, verdict);
    }
    if (verdict.kind === "caller" && verdict.caller.expires * 1000 <= now) {
      return refused("Lifetime validation failed, the token is expired.");
    }
    return verdict;
  };
}

function refused(reason: string): TokenVerdict {
  return { kind: "refused", reason };
}
