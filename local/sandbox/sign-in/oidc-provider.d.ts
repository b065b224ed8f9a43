/** The part of oidc-provider that this stand-in uses; the package brings no types of its own. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  /** A request as the provider's middleware sees it. */
  export type ProviderContext = {
    readonly path: string;
    readonly oidc?: {
      readonly params?: Readonly<Record<string, string | undefined>>;
    };
    status: number;
    body: unknown;
  };

  /** A token about to be signed. */
  export type UnsignedToken = {
    header: Record<string, unknown> | undefined;
    payload: Record<string, unknown>;
  };

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    use(middleware: (ctx: ProviderContext, next: () => Promise<void>) => Promise<void>): this;
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  }
  export namespace errors {
    class InvalidTarget extends Error {
      constructor(description?: string);
    }
    class InvalidScope extends Error {
      constructor(description: string, scope: string);
    }
  }
}
