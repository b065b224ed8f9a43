/** The part of oidc-provider that this stand-in uses; the package brings no types of its own. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  /** A request as the provider's middleware sees it. */
  export type ProviderContext = {
    readonly path: string;
    readonly req: IncomingMessage;
    readonly oidc: {
      readonly provider: Provider;
      readonly client: { readonly clientId: string };
      readonly session: { readonly accountId: string };
      readonly params: Readonly<Record<string, string | undefined>>;
      readonly account?: { readonly accountId: string };
      readonly entities: {
        readonly AccessToken?: IssuedToken;
        readonly AuthorizationCode?: { readonly redirectUri: string };
        readonly RefreshToken?: RefreshToken;
      };
    };
    status: number;
    type: string;
    body: unknown;
  };

  /** A token about to be signed. */
  export type UnsignedToken = {
    header: Record<string, unknown> | undefined;
    payload: Record<string, unknown>;
  };

  /** What a token is issued for. */
  export type IssuedToken = {
    readonly accountId?: string;
    readonly clientId: string;
    readonly scope?: string;
    readonly resourceServer: { readonly identifier: () => string };
  };

  /** What an app renews its tokens with. */
  export type RefreshToken = {
    readonly grantId: string;
    readonly isExpired: boolean;
    readonly iiat: number;
  };

  /** A device code, from its first request to its tokens. */
  export type DeviceCode = {
    readonly clientId: string;
    readonly params: Readonly<Record<string, string | undefined>>;
    readonly isExpired: boolean;
    readonly consumed?: unknown;
    accountId?: string;
    authTime?: number;
    grantId?: string;
    scope?: string;
    resource?: string;
    error?: string;
    errorDescription?: string;
    save(): Promise<string>;
  };

  /** What a person lets an app have. */
  export type Grant = {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  };

  /** Why a request was refused. */
  export type ProviderError = {
    readonly error_description?: string;
    readonly error_detail?: string;
  };

  /** A sign-in in a browser that waits for a person. */
  export type Interaction = {
    readonly params: Readonly<Record<string, string | undefined>>;
  };

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    /** Whether `x-forwarded-proto` is believed. */
    proxy: boolean;
    readonly RefreshToken: {
      find(
        token: string,
        options: { readonly ignoreExpiration: boolean },
      ): Promise<RefreshToken | undefined>;
    };
    readonly DeviceCode: {
      findByUserCode(
        code: string,
        options: { readonly ignoreExpiration: boolean },
      ): Promise<DeviceCode | undefined>;
    };
    readonly Grant: new (of: {
      readonly accountId: string;
      readonly clientId: string;
    }) => Grant;
    use(middleware: (ctx: ProviderContext, next: () => Promise<void>) => Promise<void>): this;
    on(event: string, listener: (ctx: ProviderContext, error: ProviderError) => void): this;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>;
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: object,
    ): Promise<void>;
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  }
  export namespace errors {
    class InvalidTarget extends Error {
      constructor(description?: string);
    }
  }
}
