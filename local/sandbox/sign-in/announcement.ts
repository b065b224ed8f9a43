/** What whoever starts this stand-in has to know in order to sign people and programs in. */

import { homeTenantId } from "./directories.ts";
import { automationClientId, relayClientId, signInClientId } from "./entra/apps.ts";
import { api } from "./entra/resources.ts";
import { seededUsers, type User } from "./entra/users.ts";
import type { SignInHome } from "./home.ts";

type Program = { readonly clientId: string; readonly clientSecret: string };

/** The home directory, the API that it has registered, and who can sign in. */
export type HomeAnnouncement = {
  readonly tenantId: string;
  /** The app that people sign in with; it has no secret. */
  readonly signInClientId: string;
  /** What tokens for the API are asked for with, and what they say. */
  readonly api: {
    readonly identifier: string;
    readonly audience: string;
    readonly scope: string;
    readonly appRole: string;
  };
  /** A program with a token in its own name. */
  readonly automation: Program;
  /** The relay of a ConfigMgr site. */
  readonly relay: Program;
  readonly users: readonly User[];
  /** Where people type the code that an app shows them. */
  readonly devicePage: string;
};

/** Says it. */
export const announceHome = (home: SignInHome, devicePage: string): HomeAnnouncement => ({
  tenantId: homeTenantId,
  signInClientId,
  api: {
    identifier: api.identifiers[0],
    audience: api.audience,
    scope: api.scopes[0],
    appRole: api.appRole,
  },
  automation: { clientId: automationClientId, clientSecret: home.automationSecret },
  relay: { clientId: relayClientId, clientSecret: home.relaySecret },
  users: seededUsers,
  devicePage,
});
