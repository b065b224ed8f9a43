/** Directories: the home directory, whose people sign in to the API, and those of customers, who let the app in. */
import type { Behaviour } from "../behaviour.ts";
import { seedOf } from "../fleet/chance.ts";
import { guidFamily } from "../fleet/guids.ts";
import type { Tenant } from "../fleet/tenants.ts";
import { findTenant, type State } from "../state.ts";
import {
  type App,
  apiApp,
  apiClientId,
  automationApp,
  automationClientId,
  relayApp,
  relayClientId,
  signInApp,
} from "./entra/apps.ts";
import { api, type Resource } from "./entra/resources.ts";
import { customerUsers, seededUsers, type User } from "./entra/users.ts";
import type { SignInHome } from "./home.ts";

/** One directory as sign-in sees it. */
export type Directory = {
  readonly id: string;
  readonly users: readonly User[];
  readonly apps: readonly App[];
  /** Object id of what stands for an app within this directory. */
  readonly servicePrincipal: (clientId: string) => string;
  /** What requests for people's tokens come to here, for now. */
  readonly failure: () => Behaviour["signIn"];
  /** App roles that the directory has given an app for an API; they may change at any time. */
  readonly appRoles: (clientId: string, resource: Resource) => readonly string[];
  /** How much later it answers those who ask for tokens, in ms. */
  readonly latencyMs: () => number;
  /** Whether people show a second factor here. */
  readonly hasMfa: () => boolean;
  /** What Graph may be asked for in somebody's name. */
  readonly scopes: () => readonly string[];
  /** An administrator lets the app have more. */
  readonly consent: (roles: readonly string[], scopes: readonly string[]) => void;
};

/** Finds a directory by its id, in either case. */
export type DirectoryById = (id: string) => Directory | undefined;

/** The home directory's id: the same for ever, because assignments name it. */
export const homeTenantId = "22222222-1111-4222-8333-444444444444";

/** All directories: the home directory is there from the start, the others are the state's tenants. */
export function directoriesOf(state: State, secrets: SignInHome): DirectoryById {
  const home = homeDirectory(state, secrets);
  // A tenant that was made anew is another directory: what was signed in to the old one is forgotten.
  const known = new WeakMap<Tenant, Directory>();
  return (id) => {
    if (id.toLowerCase() === home.id) return home;
    const tenant = findTenant(state, id);
    if (tenant === undefined) return undefined;
    const directory = known.get(tenant) ?? customerDirectory(state, tenant, secrets);
    known.set(tenant, directory);
    return directory;
  };
}

/** What the partner's own administrator has let the app see: who has delegated what to the partner. */
export const delegationReader = "DelegatedAdminRelationship.Read.All";

/** Programs that are let in at the API. */
const programs: readonly string[] = [automationClientId, relayClientId];

function homeDirectory(
  state: State,
  { clientSecret, automationSecret, relaySecret }: SignInHome,
): Directory {
  return {
    id: homeTenantId,
    failure: () => "none",
    latencyMs: () => 0,
    hasMfa: () => state.behaviour.everybody().partnerMfa,
    users: seededUsers,
    apps: [apiApp(clientSecret), signInApp, automationApp(automationSecret), relayApp(relaySecret)],
    servicePrincipal: (clientId) => guidFamily(seedOf(`${homeTenantId}/${clientId}`)).at(0),
    appRoles: (clientId, resource) => {
      if (resource === api) return programs.includes(clientId) ? [api.appRole] : [];
      return clientId === apiClientId ? [delegationReader] : [];
    },
    scopes: () => [],
    consent: () => {},
  };
}

function customerDirectory(state: State, tenant: Tenant, { clientSecret }: SignInHome): Directory {
  return {
    id: tenant.id,
    failure: () => state.behaviour.of(tenant.id).signIn,
    latencyMs: () => state.behaviour.of(tenant.id).latencyMs,
    hasMfa: () => true,
    users: customerUsers(tenant),
    apps: [apiApp(clientSecret), signInApp],
    servicePrincipal: () => guidFamily(tenant.fleet.seed).at(0),
    appRoles: (_clientId, resource) => (resource === api ? [] : tenant.roles),
    scopes: () => tenant.scopes,
    consent: (roles, scopes) => {
      tenant.roles = [...new Set([...tenant.roles, ...roles])];
      tenant.scopes = [...new Set([...tenant.scopes, ...scopes])];
      state.keepTenants();
    },
  };
}
