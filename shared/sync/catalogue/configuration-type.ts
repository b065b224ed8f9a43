/**
 * What Muster knows of a type of configuration: one entry of data, and at most a small hook. Everything else (reading,
 * comparing, planning, writing) is written once, over these entries. Pure.
 */
import type { GraphRequest, GraphVersion } from "../../graph/client.ts";
import type { Workload } from "../../graph/throttle.ts";
import type { Json, JsonObject } from "../items/json.ts";

/** What an id inside a configuration can stand for. */
export type ReferenceFamily =
  | "group"
  | "user"
  /** An application by its appId: the same in every tenant where it is Microsoft's. */
  | "servicePrincipal"
  /** A service principal by its own id, which each tenant gives. */
  | "workloadIdentity"
  | "directoryRole"
  | "namedLocation"
  | "authenticationStrength"
  | "authenticationContext"
  | "termsOfUse"
  | "assignmentFilter"
  | "roleScopeTag"
  | "mobileApp"
  | "notificationTemplate"
  | "reusableSetting";

/**
 * Where ids stand in a configuration: names joined by ".", `[]` for each element of a list
 * (`conditions.users.includeGroups[]`). `literals` are words of Microsoft's that stand there and are no ids.
 */
export type ReferencePlace = {
  readonly at: string;
  readonly family: ReferenceFamily;
  readonly literals?: readonly string[];
  /** Only where a property beside it has this value: lists of targets hold several kinds of things. */
  readonly where?: { readonly property: string; readonly is: string };
};

/** All of these permissions are needed; of each row any one will do. */
type PermissionNeed = readonly (readonly string[])[];

/** Whether something may be done at all, or why it never is. */
export type Allowed = true | { readonly reason: ReasonCode; readonly detail: string };

/** Why an item may not be changed; and what of it may be all the same. */
export type Fixed = Exclude<Allowed, true> & {
  /** Places below which it may be changed; whoever does not look at these changes nothing of it. */
  readonly except?: readonly string[];
};

/** Why something of a plan or a run is not done: stable words, translated where they are shown. */
export type ReasonCode =
  | "builtIn"
  | "conflictChangedSincePlan"
  | "consentMissing"
  | "delegatedRequired"
  | "deleteBlockedByGuard"
  | "dependencyFailed"
  | "duplicateName"
  | "incompleteRead"
  | "intuneApprovalExpired"
  | "intuneApprovalRejected"
  | "licenceMissing"
  | "lockOut"
  | "managedByMicrosoft"
  | "notChangeable"
  | "outcomeUnknown"
  | "quotaExceeded"
  | "readOnlyItem"
  | "referenceAmbiguous"
  | "referenceUnresolved"
  | "secretUnavailable"
  | "throttled"
  | "unavailable"
  | "unknownProperty"
  | "validationFailed";

/**
 * A list that is a part of an item and has pages of its own. What the item brings of it may be its first page only, and
 * says so by a link to the next.
 */
export type NestedList = {
  /** Below the item, with query options: `/settings`. */
  readonly path: string;
  /** The property of the item that it becomes. */
  readonly into: string;
  /** The item's property that says how many there must be: fewer means that the item was read in part. */
  readonly countedBy?: string;
};

/** A change to one item, as its writer sees it: bodies as Graph takes them, with the tenant's own ids. */
export type ItemWrite = {
  readonly action: "create" | "update" | "delete";
  /** Absent before a creation. */
  readonly id?: string;
  /** The item as it is in the tenant now. */
  readonly before?: JsonObject;
  /** The item as it is to be. */
  readonly after?: JsonObject;
  /** The properties of `after` at the top that differ from `before`. */
  readonly changed: readonly string[];
  /** As the service gave it just now, with the ids inside that a canonical body has not; absent before a creation. */
  readonly raw?: JsonObject;
  /** Ids of the type's items in the tenant, for a type whose creator chooses the id. */
  readonly taken?: readonly string[];
};

/** One request that a write takes; `{id}` in the path of what follows a creation is the new item's. */
export type WriteStep = Pick<GraphRequest, "method" | "path" | "body">;

/** A type of configuration. */
export type ConfigurationType = {
  readonly key: string;
  readonly names: { readonly en: string; readonly fr: string };
  readonly graph: GraphVersion;
  /** A list of items, or the tenant's only one. */
  readonly kind: "list" | "singleton";
  /** Where the list or the singleton is read, with query options. */
  readonly list: string;
  /** Where one item is read, with `{id}` and query options; also, without them, where it is written. */
  readonly item: string;
  /** Where its whole content stands: in the list, in the list by `$expand`, or only in the item itself. */
  readonly contentIn: "list" | "expand" | "item";
  readonly nested?: readonly NestedList[];
  readonly workloads: { readonly read: Workload; readonly write: Workload };
  readonly permissions: { readonly read: PermissionNeed; readonly write: PermissionNeed };
  /** Whether an app alone may write it, or only a person may who has signed in. */
  readonly writtenBy: "app" | "user";
  /** That an app alone may not even read it. */
  readonly readBy?: "user";
  /** Off in every tenant until somebody turns it on: what it needs, few want to grant. */
  readonly isOptional?: true;
  /** Properties that name an item, in a tenant and across tenants; of a singleton none. */
  readonly keyedBy: readonly string[];
  /** Properties that are read-only or move by themselves, beside those that every type drops. */
  readonly drops: readonly string[];
  /** Properties that are set at creation only: a change of them cannot be written. */
  readonly immutable?: readonly string[];
  /** Has assignments, written by POST to `/assign` under this name. */
  readonly assignedAs?: string;
  /** Lists without an order; assignments always are one. */
  readonly sets: readonly string[];
  /** Places where nothing, an empty text and an empty list mean the same. */
  readonly emptyIsNothing: readonly string[];
  /** Lists of objects that are told apart by one of their properties: compared element by element. */
  readonly keyedLists?: Readonly<Record<string, string>>;
  /** Properties whose value Graph never gives back: kept as a placeholder, never compared, never written. */
  readonly secrets?: readonly string[];
  readonly references: readonly ReferencePlace[];
  /** Written in this order, deleted in the reverse order. */
  readonly tier: number;
  /** That it comes after all others, deletions too, where it is to become this. */
  readonly goesLast?: (target: JsonObject) => boolean;
  readonly changeable: {
    readonly create: Allowed;
    readonly update: Allowed;
    readonly delete: Allowed;
  };
  /** Whether Muster writes it; the others are read and compared. */
  readonly isWritten: boolean;
  /** Why this item may not be changed, or undefined; given as the service gives it. */
  readonly fixed?: (raw: JsonObject) => Fixed | undefined;
  /** Brings what the service returns into the form that is compared; what is there once more changes nothing. */
  readonly normalise?: (body: JsonObject) => JsonObject;
  /** What is desired, with what an item always has beside it: who does not name that leaves it as it is. */
  readonly complete?: (desired: JsonObject, actual: JsonObject) => JsonObject;
  /** Requests for a change, where they are not just POST, PATCH or DELETE of the whole. */
  readonly write?: (write: ItemWrite) => readonly WriteStep[];
  /** Properties of which a write takes things away, to make them anew by the requests after that. */
  readonly madeAnew?: readonly string[];
  /** Why a write cannot be made, which shows only in what is to be written. */
  readonly refuses?: (write: ItemWrite) => Exclude<Allowed, true> | undefined;
  /** What a schema-like check of an edit finds wrong: pointer and words. */
  readonly faults?: (
    body: JsonObject,
  ) => readonly { readonly pointer: string; readonly detail: string }[];
};

/** Any value of a body, for hooks. */
export type { Json, JsonObject };
