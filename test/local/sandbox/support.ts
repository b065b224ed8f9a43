/** A running stand-in for a test file, with tenants, tokens and calls to it. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../../local/sandbox/sandbox.ts";

/** An answer, its body parsed where it is JSON. */
export type Answer<Body = Record<string, unknown>> = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
};

/** A stand-in with what tests do to it. */
export type TestSandbox = Sandbox & {
  readonly control: <Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<Answer<Body>>;
  /** Makes a tenant with a fresh id, and signs in to it. */
  readonly tenant: (plan?: Record<string, unknown>) => Promise<TestTenant>;
  readonly token: (tenantId: string, form?: Record<string, string>) => Promise<Answer>;
};

/** A tenant and calls to Graph on its behalf. */
export type TestTenant = {
  readonly id: string;
  readonly created: Record<string, unknown>;
  readonly graph: <Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer<Body>>;
  readonly devices: (count: number) => Promise<readonly ListedDevice[]>;
  readonly behave: (settings: Record<string, unknown>) => Promise<Answer>;
};

/** A device as control lists it. */
export type ListedDevice = {
  readonly id: string;
  readonly operatingSystem: string;
  readonly management: string;
  readonly inGraph: boolean;
  readonly offline: boolean;
  readonly failing: boolean;
};

/** Starts a stand-in in a folder of its own. Call `stop` at the end. */
export async function startTestSandbox(
  options: Omit<SandboxOptions, "home"> = {},
): Promise<TestSandbox> {
  const home = mkdtempSync(join(tmpdir(), "sandbox-"));
  const sandbox = await startSandbox({ ...options, home });
  const control = controlOf(sandbox.url);
  const token: TestSandbox["token"] = (tenantId, form = {}) => fetchToken(sandbox, tenantId, form);
  const tenant: TestSandbox["tenant"] = async (plan = {}) => {
    const id = randomUUID();
    const given = { tenantId: id, displayName: "Contoso", devices: 50, seed: 1, ...plan };
    const { body: created } = await control("POST", "/tenants", given);
    const signedIn = await token(id);
    const authorization = `Bearer ${String(signedIn.body["access_token"])}`;
    return {
      id,
      created,
      graph: (method, path, body, headers = {}) =>
        call(sandbox.graphUrl + path, method, body, { authorization, ...headers }),
      devices: async (count) => {
        const answer = await control<{ value: ListedDevice[] }>(
          "GET",
          `/tenants/${id}/devices?top=${count}`,
        );
        return answer.body.value;
      },
      behave: (settings) => control("PUT", "/behaviour", { tenantId: id, ...settings }),
    };
  };
  const stop = async (): Promise<void> => {
    await sandbox.stop();
    rmSync(home, { recursive: true });
  };
  return { ...sandbox, control, tenant, token, stop };
}

/** Calls the control of a sandbox. */
export const controlOf =
  (url: string): TestSandbox["control"] =>
  (method, path, body) =>
    call(`${url}/_sandbox${path}`, method, body, {});

/** A fleet of nothing but Windows devices that only Intune manages. */
export const onlyIntuneWindows = { mix: { windows: 1, intuneOnly: 1 } };
/** A fleet of nothing but co-managed Windows devices. */
export const onlyCoManaged = { mix: { windows: 1, coManaged: 1 } };

/** A call over HTTP; JSON goes out when there is a body. */
async function call<Body>(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer<Body>> {
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(url, {
    method,
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.startsWith("application/json") === true;
  return {
    status: answer.status,
    headers: answer.headers,
    body: (isJson ? JSON.parse(text) : text) as Body,
  };
}

/** Client credentials without MSAL, so that the caller can leave things out. */
function fetchToken(
  sandbox: Sandbox,
  tenantId: string,
  form: Record<string, string>,
): Promise<Answer> {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
    scope: "https://graph.microsoft.com/.default",
    ...form,
  }).toString();
  return new Promise((resolve, reject) => {
    const sent = request(
      `${sandbox.authorityUrl}/${tenantId}/oauth2/v2.0/token`,
      {
        method: "POST",
        ca: readFileSync(sandbox.caFile),
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          "content-length": body.length,
        },
      },
      (incoming) => {
        let text = "";
        incoming.on("data", (chunk) => (text += String(chunk)));
        incoming.on("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: new Headers(),
            body: JSON.parse(text) as Record<string, unknown>,
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
