/** Signing in to a stand-in the way a person and an app do, step by step, so that a test can stray from it. */
import { readFileSync } from "node:fs";
import tls from "node:tls";
import { type Configuration, PublicClientApplication } from "@azure/msal-node";
import type { Sandbox } from "../../../../local/sandbox/sandbox.ts";

/** An answer of an address that takes forms. */
export type FormAnswer = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
};

/** What the page said: the sentence that a terminal gets. */
export type PageAnswer = { readonly status: number; readonly text: string };

/** A stand-in as far as signing in is concerned. */
export type SignInPlace = Pick<Sandbox, "authorityUrl" | "home" | "caFile">;

/** Lets this process trust the stand-in's certificate, besides those that it trusts anyway. */
export function trust({ caFile }: SignInPlace): void {
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), readFileSync(caFile, "utf8")]);
}

/** The scope that a person's token for the API is asked for with. */
export const apiScope = ({ home }: SignInPlace): string =>
  `${home.api.identifier}/${home.api.scope}`;

/** Posts a form to an address of a directory; the home directory's where none is named. */
export async function post(
  place: SignInPlace,
  path: string,
  form: Readonly<Record<string, string>>,
  tenantId: string = place.home.tenantId,
): Promise<FormAnswer> {
  const url = `${place.authorityUrl}/${tenantId}/oauth2/v2.0/${path}`;
  // A stand-in that was restarted at the same address has closed the connections of before.
  const headers = { connection: "close" };
  const answer = await fetch(url, { method: "POST", headers, body: new URLSearchParams(form) });
  return { status: answer.status, body: (await answer.json()) as FormAnswer["body"] };
}

/** Asks for a device code. */
export const askForCode = (
  place: SignInPlace,
  form: Readonly<Record<string, string>> = {},
): Promise<FormAnswer> =>
  post(place, "devicecode", {
    client_id: place.home.signInClientId,
    scope: `${apiScope(place)} openid profile offline_access`,
    ...form,
  });

/** Asks for the tokens of a device code. */
export const poll = (
  place: SignInPlace,
  deviceCode: unknown,
  form: Readonly<Record<string, string>> = {},
): Promise<FormAnswer> =>
  post(place, "token", {
    client_id: place.home.signInClientId,
    grant_type: "device_code",
    device_code: String(deviceCode),
    ...form,
  });

/** Types a code into the page and chooses a user. */
export async function typeCode(
  place: SignInPlace,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<PageAnswer> {
  const { devicePage } = place.home;
  const answer = await fetch(devicePage, {
    method: "POST",
    body: new URLSearchParams(form),
    headers: { connection: "close", ...headers },
  });
  return { status: answer.status, text: await answer.text() };
}

/** The real MSAL, as an app on somebody's machine has it. */
export const msalApp = (
  place: SignInPlace,
  over: Partial<Configuration["auth"]> = {},
): PublicClientApplication =>
  new PublicClientApplication({
    auth: {
      clientId: place.home.signInClientId,
      authority: `${place.authorityUrl}/${place.home.tenantId}`,
      knownAuthorities: [new URL(place.authorityUrl).host],
      ...over,
    },
  });

/** Signs in as one of the users; the access token. */
export async function tokenOf(place: SignInPlace, userName: string): Promise<string> {
  const { body } = await askForCode(place);
  await typeCode(place, { user_code: String(body["user_code"]), user: userName });
  const answer = await poll(place, body["device_code"]);
  return String(answer.body["access_token"]);
}

/** A token of the program that works in its own name. */
export async function automationToken(place: SignInPlace): Promise<string> {
  const { clientId, clientSecret } = place.home.automation;
  const { body } = await post(place, "token", {
    client_id: clientId,
    client_secret: clientSecret,
    grant_type: "client_credentials",
    scope: `${place.home.api.identifier}/.default`,
  });
  return String(body["access_token"]);
}

/** What a token says. */
export function claimsOf(token: unknown): Record<string, unknown> {
  const payload = String(token).split(".")[1] ?? "";
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

/** A browser that keeps its cookies and stops before it leaves for another site. */
export function cookieBrowser() {
  const cookies = new Map<string, string>();
  return async (url: string, form?: Readonly<Record<string, string>>) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, {
      redirect: "manual",
      headers: { accept: "text/html", cookie },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [name = "", value = ""] = (line.split(";")[0] ?? "").split("=");
      cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    const to = location === null ? "" : new URL(location, url).href;
    return { status: answer.status, to, text: await answer.text() };
  };
}

/** Goes to the page and answers it; where the browser is sent then, with what it was given. */
export async function visit(
  url: string,
  form: Readonly<Record<string, string>>,
  go = cookieBrowser(),
) {
  const asked = await go(url);
  const page = await go(asked.to);
  const answered = await go(asked.to, form);
  const back = answered.to === "" ? answered : await go(answered.to);
  return { page, back, given: new URL(back.to || "http://nowhere").searchParams };
}
