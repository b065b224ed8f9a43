/**
 * Would a conditional-access policy lock people out: every administrator, the break-glass accounts, or our own
 * application? Asked of each policy that a plan creates or changes and that would then be enforced. A condition that
 * narrows a policy only makes the answer less certain: "may" instead of "would". Pure.
 */
import type { Json, JsonObject } from "../items/json.ts";
import { isObject } from "./shape.ts";

/** Somebody whom a policy may be for. */
export type Person = {
  readonly id: string;
  readonly name: string;
  /** Ids of all groups that hold them, nested ones too. */
  readonly groups: readonly string[];
  /** Template ids of the roles that they hold, directly or by a group. */
  readonly roles: readonly string[];
  readonly isGuest?: boolean;
};

/** What the check knows of a tenant. */
export type LockOutFacts = {
  readonly administrators: readonly Person[];
  readonly breakGlass: readonly Person[];
  /** Groups for break-glass accounts: whoever is in one of them counts. */
  readonly breakGlassGroups: readonly { readonly id: string; readonly name: string }[];
  readonly ourApp: { readonly appId: string; readonly servicePrincipalId: string };
  /** Absent where they were not read: then any of them may be trusted. */
  readonly namedLocations?: readonly { readonly id: string; readonly isTrusted: boolean }[];
  /** Controls that nobody in this tenant can meet: `compliantDevice` where no device is compliant. */
  readonly cannotBeMet: readonly string[];
};

/** What the directory does not tell, in words that go on "nobody can tell". */
export type UnknownFacts = { readonly unknown: string };

/** A policy as it will be; with the id of the change that makes it so. */
export type PolicyAfter = {
  readonly name: string;
  readonly body: JsonObject;
  readonly changeId?: string;
};

/** What an approver of a change must know. */
type LockOutWarning = {
  readonly changeId: string;
  readonly detail: string;
  /** Blocks every administrator, by itself or with the other policies, without any doubt. */
  readonly locksOutAll: boolean;
};

type Certainty = "no" | "may" | "would";
type Demand = { readonly kind: "block" | "cannotBeMet" | "other" | "none"; readonly what: string };
/** Whether a policy is for somebody; `by`: what names them, or the exclusion that saves them. */
type Hit = { readonly certainty: Certainty; readonly by?: string; readonly savedBy?: string };
type Judged = PolicyAfter & { readonly demand: Demand; readonly scope: Certainty };

/**
 * Warnings about the changed ones of all policies that the tenant will have. Without facts each that demands anything
 * is taken for one that locks everybody out, until a person says otherwise.
 */
export function lockOutWarnings(
  policies: readonly PolicyAfter[],
  facts: LockOutFacts | UnknownFacts,
): LockOutWarning[] {
  if ("unknown" in facts) return unjudged(policies, facts);
  const enforced = policies
    .filter(({ body }) => body["state"] === "enabled")
    .map((policy): Judged => {
      const demand = demandOf(policy.body, facts.cannotBeMet);
      return { ...policy, demand, scope: scopeOf(policy.body, facts) };
    });
  return enforced.flatMap((policy) => {
    const { changeId } = policy;
    if (changeId === undefined || policy.demand.kind === "none") return [];
    const others = enforced.filter((other) => other !== policy);
    return [
      ...aboutAdministrators(policy, others, facts),
      ...aboutBreakGlass(policy, facts),
      ...aboutOurApp(policy, facts),
    ].map((warning) => ({ changeId, locksOutAll: false, ...warning }));
  });
}

const unjudged = (policies: readonly PolicyAfter[], { unknown }: UnknownFacts): LockOutWarning[] =>
  policies.flatMap(({ changeId, body }) => {
    const isEnforced = body["state"] === "enabled" && demandOf(body, []).kind !== "none";
    const detail = `Whom it would lock out was not checked: nobody can tell ${unknown}.`;
    return changeId === undefined || !isEnforced ? [] : [{ changeId, detail, locksOutAll: true }];
  });

type Told = { readonly detail: string; readonly locksOutAll?: boolean };

function aboutAdministrators(
  policy: Judged,
  others: readonly Judged[],
  { administrators }: LockOutFacts,
): Told[] {
  const isHard = policy.demand.kind === "block" || policy.demand.kind === "cannotBeMet";
  if (!isHard || policy.scope === "no") return [];
  const does = (certainty: Certainty): string => `It ${certainty} ${policy.demand.what}`;
  if (administrators.length === 0)
    return includesAll(policy.body)
      ? [{ detail: `${does("may")} every administrator: who they are is not known.` }]
      : [];
  const hits = administrators.map((person) => hitOf(policy, person));
  const caught = hits.filter(({ certainty }) => certainty !== "no");
  const saved = administrators.filter((_, place) => hits[place]?.savedBy !== undefined);
  if (caught.length === 0) return [];
  const certainty = caught.every((hit) => hit.certainty === "would") ? "would" : "may";
  if (caught.length === administrators.length)
    return [
      {
        detail: `${does(certainty)} every administrator (${caught.length}). ${uselessExclusions(policy)}`,
        locksOutAll: policy.demand.kind === "block" && certainty === "would",
      },
    ];
  const helpers = lockedOutTogether(policy, others, administrators);
  if (helpers !== undefined)
    return [
      {
        detail: `Together with ${helpers}, ${does("would").toLowerCase()} every administrator.`,
        locksOutAll: true,
      },
    ];
  if (caught.length + saved.length < administrators.length) return [];
  const by = [...new Set(hits.flatMap(({ savedBy }) => savedBy ?? []))].join(", ");
  const names = saved.map(({ name }) => name).join(", ");
  return [
    {
      detail: `${does(certainty)} every administrator but ${names}, whom only its exclusion of ${by} saves.`,
    },
  ];
}

/** The other policies with which this one blocks everybody, by name; undefined where somebody is left. */
function lockedOutTogether(
  policy: Judged,
  others: readonly Judged[],
  administrators: readonly Person[],
): string | undefined {
  const blocks = (each: Judged, person: Person): boolean =>
    each.demand.kind === "block" && hitOf(each, person).certainty === "would";
  const left = administrators.filter((person) => !blocks(policy, person));
  if (left.length === administrators.length) return undefined;
  const helpers = others.filter((other) => left.some((person) => blocks(other, person)));
  return left.every((person) => helpers.some((other) => blocks(other, person)))
    ? helpers.map(({ name }) => `"${name}"`).join(", ")
    : undefined;
}

function aboutBreakGlass(policy: Judged, facts: LockOutFacts): Told[] {
  if (policy.scope === "no") return [];
  const groups = facts.breakGlassGroups.map(({ id, name }): Person => {
    return { id, name: `of the group ${name}`, groups: [id], roles: [] };
  });
  const caught = [...facts.breakGlass, ...groups].flatMap((person) => {
    const hit = hitOf(policy, person);
    return hit.certainty === "no" ? [] : [{ ...hit, name: person.name }];
  });
  if (caught.length === 0) return [];
  const certainty = caught.every((hit) => hit.certainty === "would") ? "would" : "may";
  const names = caught.map(({ name }) => name).join(", ");
  return [
    {
      detail: `It ${certainty} ${policy.demand.what} the break-glass accounts ${names}. ${uselessExclusions(policy)}`,
    },
  ];
}

function aboutOurApp({ body, demand, scope }: Judged, { ourApp }: LockOutFacts): Told[] {
  const conditions = part(body, "conditions");
  const ours = new Set([ourApp.appId, ourApp.servicePrincipalId]);
  const workloads = part(conditions, "clientApplications");
  const included = idsIn(workloads, "includeServicePrincipals");
  const excluded = idsIn(workloads, "excludeServicePrincipals");
  const isOurs = included.some((id) => ours.has(id) || id === "ServicePrincipalsInMyTenant");
  const told: Told[] = [];
  if (isOurs && !excluded.some((id) => ours.has(id))) {
    const isSure = scope === "would" && !says(workloads["servicePrincipalFilter"]);
    const detail = `It ${isSure ? "would" : "may"} ${demand.what} our own application.`;
    told.push({ detail });
  }
  if (demand.kind !== "block") return told;
  const apps = idsIn(part(conditions, "applications"), "includeApplications");
  if (apps.some((id) => ours.has(id)))
    told.push({ detail: "It may keep people from signing in to our own application." });
  const flows = JSON.stringify(part(conditions, "authenticationFlows"));
  if (flows.includes("deviceCodeFlow"))
    told.push({ detail: "It may block signing in to our own application by device code." });
  return told;
}

/** Whether a policy is for somebody: an exclusion always wins. */
function hitOf({ body, scope }: Judged, person: Person): Hit {
  const users = part(part(body, "conditions"), "users");
  const included = named(users, "include", person);
  const excluded = named(users, "exclude", person);
  if (included.certainty === "no" || scope === "no") return { certainty: "no" };
  if (excluded.certainty === "would" && excluded.by !== undefined)
    return { certainty: "no", savedBy: excluded.by };
  const isSure = scope === "would" && included.certainty === "would" && excluded.certainty === "no";
  return { certainty: isSure ? "would" : "may" };
}

/** What of the included or excluded users names a person. */
function named(users: JsonObject, side: "include" | "exclude", person: Person): Hit {
  const isThem = (value: Json): boolean => {
    const id = idOf(value);
    if (id === "All") return true;
    if (id === "GuestsOrExternalUsers") return person.isGuest === true;
    return id === person.id || (isObject(value) && value["name"] === person.name);
  };
  const user = list(users[`${side}Users`]).find(isThem);
  const group = list(users[`${side}Groups`]).find((value) => person.groups.includes(idOf(value)));
  const role = list(users[`${side}Roles`]).find((value) => person.roles.includes(idOf(value)));
  if (user !== undefined) return { certainty: "would", by: `user ${nameOf(user)}` };
  if (group !== undefined) return { certainty: "would", by: `group ${nameOf(group)}` };
  if (role !== undefined) return { certainty: "would", by: `role ${nameOf(role)}` };
  // Which kinds of guests, and of which tenants, is more than is known of a person.
  const guests = says(users[`${side}GuestsOrExternalUsers`]) && person.isGuest === true;
  return { certainty: guests ? "may" : "no" };
}

const includesAll = (body: JsonObject): boolean =>
  idsIn(part(part(body, "conditions"), "users"), "includeUsers").includes("All");

function uselessExclusions({ body }: Judged): string {
  const users = part(part(body, "conditions"), "users");
  const names = (["Users", "Groups", "Roles"] as const).flatMap((kind) =>
    list(users[`exclude${kind}`]).map(
      (value) => `${kind.slice(0, -1).toLowerCase()} ${nameOf(value)}`,
    ),
  );
  return names.length === 0
    ? "It excludes nobody."
    : `Its exclusion of ${names.join(", ")} does not save them.`;
}

/** What a policy demands of those whom it is for. */
function demandOf(body: JsonObject, cannotBeMet: readonly string[]): Demand {
  const controls = part(body, "grantControls");
  const builtIn = list(controls["builtInControls"]).map(idOf);
  if (builtIn.includes("block")) return { kind: "block", what: "block" };
  const strength = says(controls["authenticationStrength"]) ? ["authentication strength"] : [];
  const more = [...list(controls["termsOfUse"]), ...list(controls["customAuthenticationFactors"])];
  const all = [...builtIn, ...strength, ...more.map(nameOf)];
  if (all.length === 0) return { kind: "none", what: "" };
  const unmet = all.filter((control) => cannotBeMet.includes(control));
  const isOut = controls["operator"] === "OR" ? unmet.length === all.length : unmet.length > 0;
  if (isOut)
    return {
      kind: "cannotBeMet",
      what: `demand ${unmet.join(", ")}, which nobody here can meet, of`,
    };
  return { kind: "other", what: `demand ${all.join(", ")} of` };
}

/** How sure a policy is for the sign-ins by which a tenant is administered. */
function scopeOf(body: JsonObject, facts: LockOutFacts): Certainty {
  const conditions = part(body, "conditions");
  const known: Record<string, (value: JsonObject) => Certainty> = {
    applications: applicationScope,
    locations: (value) => locationScope(value, facts),
    platforms: platformScope,
    users: () => "would",
    // What is for applications has no users; whether ours is among them is asked there.
    clientApplications: () => "would",
    // Whoever may not sign in by device code signs in otherwise.
    authenticationFlows: () => "no",
  };
  const scopes = Object.entries(conditions).map(([name, value]): Certainty => {
    if (!says(value)) return "would";
    if (name === "clientAppTypes") return clientScope(list(value).map(idOf));
    // Risks, devices, and what is not known today: narrower, whatever it is.
    return isObject(value) && Object.hasOwn(known, name) ? (known[name]?.(value) ?? "may") : "may";
  });
  return least(scopes);
}

const least = (scopes: readonly Certainty[]): Certainty => {
  if (scopes.includes("no")) return "no";
  return scopes.includes("may") ? "may" : "would";
};

/** Azure's management, and Graph's command line: with one of them left out, somebody may still get in. */
const administers = new Set([
  "797f4846-ba00-4fd7-ba43-dac1f8f63013",
  "14d82eec-204b-4c2f-b7e8-296a70dab67e",
]);
const portals = "MicrosoftAdminPortals";

function applicationScope(applications: JsonObject): Certainty {
  const included = idsIn(applications, "includeApplications").filter((id) => id !== "None");
  const excluded = idsIn(applications, "excludeApplications");
  // Registering a device or a method is not signing in.
  if (included.length === 0)
    return says(applications["includeAuthenticationContextClassReferences"]) ? "may" : "no";
  const isWide = included.includes("All") || included.includes(portals);
  const isOpen = excluded.some((id) => id === portals || administers.has(id));
  return isWide && !isOpen && !says(applications["applicationFilter"]) ? "would" : "may";
}

function locationScope(locations: JsonObject, { namedLocations }: LockOutFacts): Certainty {
  const isSomewhere = (id: string): boolean =>
    id !== "AllTrusted" || (namedLocations?.some(({ isTrusted }) => isTrusted) ?? true);
  const included = idsIn(locations, "includeLocations");
  const excluded = idsIn(locations, "excludeLocations").filter(isSomewhere);
  if (included.length === 0 || included.includes("All"))
    return excluded.length === 0 ? "would" : "may";
  return included.some(isSomewhere) ? "may" : "no";
}

function platformScope(platforms: JsonObject): Certainty {
  const included = idsIn(platforms, "includePlatforms");
  const isAll = included.length === 0 || included.includes("all");
  return isAll && idsIn(platforms, "excludePlatforms").length === 0 ? "would" : "may";
}

/** Old protocols administer nothing: blocking them is what everybody should do. */
function clientScope(types: readonly string[]): Certainty {
  const modern = ["browser", "mobileAppsAndDesktopClients"].filter((type) => types.includes(type));
  if (types.includes("all") || modern.length === 2) return "would";
  return modern.length === 1 ? "may" : "no";
}

/** An object within another, or an empty one. */
export const part = (node: JsonObject, name: string): JsonObject => {
  const value = node[name];
  return isObject(value) ? value : {};
};
/** A list, or an empty one. */
export const list = (node: Json | undefined): readonly Json[] => (Array.isArray(node) ? node : []);
/** Ids of the references in a list, and the words among them. */
export const idsIn = (node: JsonObject, name: string): string[] => list(node[name]).map(idOf);

/** Whether a value says anything: what is empty all through does not. */
function says(node: Json | undefined): boolean {
  if (node === null || node === undefined || node === "") return false;
  return typeof node === "object" ? Object.values(node).some(says) : true;
}

/** Id of a reference, or the word that stands there. */
function idOf(node: Json): string {
  const id = isObject(node) ? node["id"] : node;
  return typeof id === "string" ? id : "";
}

function nameOf(node: Json): string {
  return isObject(node) && typeof node["name"] === "string" ? node["name"] : idOf(node);
}
