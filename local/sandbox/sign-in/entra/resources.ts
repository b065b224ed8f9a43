/** The APIs that tokens can be asked for: Microsoft Graph, and the API that people and programs call. */
import { apiClientId } from "./apps.ts";

/** An API as sign-in knows it. */
export type Resource = {
  /** What a scope may call it by. */
  readonly identifiers: readonly string[];
  /** `aud` of its tokens; absent, whatever it was called by. */
  readonly audience?: string;
  /** Permissions that people can give an app. */
  readonly scopes: readonly string[];
};

/** The API's registration: tokens of version 2, in which the audience is the client id. */
export const api = {
  identifiers: [`api://${apiClientId}`, apiClientId],
  audience: apiClientId,
  scopes: ["Muster.Use"],
  /** What an app must have been given to be taken for one of its callers. */
  appRole: "Muster.Use",
} as const satisfies Resource & { readonly appRole: string };

/** Graph's identifiers in the real world, by address and by app id. */
export const graphIdentifiers = [
  "https://graph.microsoft.com",
  "00000003-0000-0000-c000-000000000000",
];

/** What the app is registered to ask people for: what Graph lets no app do by itself, or both. */
export const graphScopes = [
  "Agreement.Read.All",
  "Agreement.ReadWrite.All",
  "Policy.Read.All",
  "RoleManagement.Read.Directory",
  "RoleManagementPolicy.Read.Directory",
  "RoleManagementPolicy.ReadWrite.Directory",
  "User.Read",
];

/** Partner Center's names: its own, and where it answers on this machine. */
export const partnerIdentifiers = (url: string): readonly string[] => [
  "https://api.partnercenter.microsoft.com",
  `${url}/partner-center`,
];

/** What an app asks people for at Partner Center. */
export const partnerScope = "user_impersonation";

/** Everything that tokens can be asked for, with Graph and Partner Center answering on this machine too. */
export const resourcesWith = (graphUrl: string): readonly Resource[] => [
  { identifiers: partnerIdentifiers(graphUrl), scopes: [partnerScope] },
  { identifiers: [...graphIdentifiers, graphUrl], scopes: graphScopes },
  api,
];
