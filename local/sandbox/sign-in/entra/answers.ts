/** What the provider answered, as Entra would have written it. */
import type { Provider, ProviderContext } from "oidc-provider";
import type { Directory } from "../directories.ts";
import { pollSeconds } from "../poll-interval.ts";
import type { ProviderRequest } from "../request-copy.ts";
import { clientInfo } from "./claims.ts";
import { entraError } from "./entra-errors.ts";
import { faultOf } from "./faults.ts";
import { fullScope, identifierOf } from "./scopes.ts";
import { noteGrant, type PageGrants } from "./single-page.ts";

type Body = Readonly<Record<string, unknown>>;
type Failed = { readonly error?: string; readonly error_description?: string };

/** Makes what rewrites a provider's answers to forms. */
export function answersOf(
  provider: Provider,
  directory: Directory,
  { devicePage, pageGrants }: { readonly devicePage: string; readonly pageGrants: PageGrants },
): (ctx: ProviderContext, next: () => Promise<void>) => Promise<void> {
  // The answer itself does not say why: a code may be unknown, used or somebody else's.
  const reasons = new WeakMap<object, string>();
  for (const event of ["grant.error", "device_authorization.error"])
    provider.on(event, ({ req }, error) => {
      reasons.set(req, error.error_detail ?? error.error_description ?? "");
    });
  return async (ctx, next) => {
    await next();
    const { asked } = ctx.req as ProviderRequest;
    const body = ctx.body as Body | undefined;
    if (asked === undefined || typeof body !== "object") return;
    const { error, error_description } = body as Failed;
    if (error !== undefined) {
      const reason = reasons.get(ctx.req) ?? error_description ?? "";
      const fault = faultOf({ error, reason, asked }, directory);
      ctx.status = fault.status;
      ctx.body = entraError(fault, correlationOf(ctx.req));
      return;
    }
    noteGrant(ctx.oidc.entities, directory, pageGrants);
    ctx.body =
      "device_code" in body ? codeAnswer(body, devicePage) : tokenAnswer(body, ctx, directory);
  };
}

/** The id by which the caller traces its request, from where Entra takes it. */
export function correlationOf({ headers, asked }: ProviderRequest): string | undefined {
  const header = headers["client-request-id"];
  return asked?.get("client-request-id") ?? (typeof header === "string" ? header : undefined);
}

function codeAnswer(body: Body, page: string): Body {
  const { user_code, device_code, expires_in } = body;
  const message = `To sign in, use a web browser to open the page ${page} and enter the code ${String(user_code)} to authenticate.`;
  return {
    user_code,
    device_code,
    verification_uri: page,
    expires_in,
    interval: pollSeconds,
    message,
  };
}

function tokenAnswer(body: Body, { oidc, req }: ProviderContext, directory: Directory): Body {
  // Entra says twice how long the token lasts, and MSAL reads both.
  const answer = { ...body, ext_expires_in: body["expires_in"] };
  const { AccessToken: token } = oidc.entities;
  if (token?.accountId === undefined) return answer;
  const identifier = identifierOf(token.resourceServer.identifier());
  const wanted = (req as ProviderRequest).asked?.get("client_info") === "1";
  return {
    ...answer,
    scope: fullScope(identifier, token.scope ?? ""),
    ...(wanted ? { client_info: clientInfo(token.accountId, directory) } : {}),
  };
}
