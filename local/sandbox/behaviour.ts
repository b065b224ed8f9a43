/**
 * How the stand-in misbehaves: for everybody, or for one tenant. Everything is off at the start, and
 * every share is between 0 and 1.
 */

/** How many requests a tenant may make in a window; a 429 names `retryAfter` seconds, or nothing. */
export type Throttle = {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly retryAfter: number | null;
};

/** Devices that spoil a call for others. */
export type Poison = { readonly devices: number; readonly status: number };

/** A span of time in ms from which each device gets its own moment. */
export type Span = readonly [least: number, most: number];

/** How a type of configuration fails: always, only reads or writes, only pages after the first, or the first times. */
export type TypeFault = {
  readonly status: number;
  readonly on?: "read" | "write";
  readonly later?: boolean;
  readonly times?: number;
  readonly retryAfter?: number;
};

/** How a device's import fails: always, or the first times. */
export type ImportFault = {
  readonly code: number;
  readonly name: string;
  readonly times?: number;
};

/**
 * How a customer's delegation stands: `otherRole` lacks the roles for Intune, `unassigned` is given to no group; `twice` has an
 * older one of that sort beside it.
 */
export const delegations = [
  "active",
  "approvalPending",
  "expired",
  "expiring",
  "otherRole",
  "unassigned",
  "twice",
  "none",
] as const;
export type DelegatedAdmin = (typeof delegations)[number];

/** What becomes of whoever asks for a person's tokens. The first are trouble that passes, the others are not. */
export const tokenFailures = [
  "slowDown",
  "busy",
  "throttled",
  "cut",
  "blocked",
  "revoked",
  "unused",
  "tooOld",
  "secondFactor",
  "consentMissing",
  "disabled",
] as const;
export type TokenFailure = (typeof tokenFailures)[number];

/** Everything that can be set. */
export type Behaviour = {
  /** Added to every answer, in ms. */
  readonly latencyMs: number;
  readonly throttle: Throttle | null;
  /** Share of requests and batch parts answered 503, before any effect. */
  readonly errorRate: number;
  /** Share of (device, action) pairs whose action ends as failed. */
  readonly failRate: number;
  /** Whether a device does the next time what it has failed at. */
  readonly failsOnce: boolean;
  /** Share of (device, action) pairs whose action ends as notSupported. */
  readonly notSupportedRate: number;
  /** Share of devices that never report. */
  readonly offlineRate: number;
  /** The status executeAction is refused with (400 or 501), or false. */
  readonly rejectBulk: number | false;
  /** Share of requests and parts answered 429 at random; every other one without Retry-After. */
  readonly throttleRate: number;
  /** Share of requests whose connection breaks: half before the effect, half after it. */
  readonly cutRate: number;
  /** Share of requests whose effect comes at once but whose answer waits for `slowMs`. */
  readonly slowRate: number;
  readonly slowMs: number;
  /** Share of requests whose effect comes, but whose answer is a gateway's 504. */
  readonly lostAnswerRate: number;
  /** Share of devices whose `deviceActionResults` stay empty, as reported of the service: always the same ones. */
  readonly emptyResultsRate: number;
  /** How long `remoteActionAudits` lag behind; what the list is: shown, empty, or refused with 403. */
  readonly auditLagMs: number;
  readonly audits: "shown" | "empty" | "refused";
  /** Whether `$filter` and `$orderby` are taken there, which the description lists and does not promise. */
  readonly auditOptions: boolean;
  /** The first so many devices break every call that names them among others, with this status; alone they get 400. */
  readonly poison: Poison | null;
  /** Whether writes wait for a second administrator, as under an access policy of Intune. */
  readonly holdWrites: boolean;
  /** How long what was written to the configuration is not seen yet. */
  readonly consistencyMs: number;
  /** Conditional access of a tenant answers one request in this time, and 429 in between; 0 lifts it. */
  readonly accessPaceMs: number;
  /** Faults of single types of configuration, by the keys of the types. */
  readonly typeFaults: Readonly<Record<string, TypeFault>>;
  /** So many settings at the end of each policy of the settings catalogue are missing from what is read. */
  readonly missingSettings: number;
  /** What every request for a person's tokens comes to: by a code, or by a refresh token. */
  readonly signIn: TokenFailure | "none";
  /** Whether people who sign in for Partner Center have shown a second factor. */
  readonly partnerMfa: boolean;
  /** Whether the tenant is a customer of the partner, who sells to it. */
  readonly reseller: boolean;
  /** What the tenant has delegated to the partner. */
  readonly gdap: DelegatedAdmin;
  /** Starts the stream of chance anew, so that a run can be repeated. */
  readonly seed: number;
  /** From an import of hardware until it is over, and from there until the device is listed. */
  readonly importMs: Span;
  readonly identityLagMs: number;
  /** From a change of a registered device until it shows. */
  readonly changeLagMs: number;
  /** Share of imported devices that lose their group tag. */
  readonly droppedTagRate: number;
  /** Imports of corporate identifiers say yes, and make none. */
  readonly importsNothing: boolean;
  /** What imports of single devices come to, by their serial numbers. */
  readonly importFaults: Readonly<Record<string, ImportFault>>;
  /** From the request until a device starts on the action, and from there until it reports. */
  readonly actMs: Span;
  readonly reportMs: Span;
};

/** What applies when nothing was set. Real devices take minutes where these take a second. */
export const calm: Behaviour = {
  latencyMs: 0,
  throttle: null,
  errorRate: 0,
  failRate: 0,
  failsOnce: false,
  notSupportedRate: 0,
  offlineRate: 0,
  rejectBulk: false,
  throttleRate: 0,
  cutRate: 0,
  slowRate: 0,
  slowMs: 2_000,
  lostAnswerRate: 0,
  emptyResultsRate: 0,
  auditLagMs: 0,
  audits: "shown",
  auditOptions: true,
  poison: null,
  holdWrites: false,
  consistencyMs: 0,
  accessPaceMs: 1_000,
  typeFaults: {},
  missingSettings: 0,
  signIn: "none",
  partnerMfa: true,
  reseller: true,
  gdap: "active",
  seed: 1,
  importMs: [200, 900],
  identityLagMs: 0,
  changeLagMs: 0,
  droppedTagRate: 0,
  importsNothing: false,
  importFaults: {},
  actMs: [100, 700],
  reportMs: [100, 800],
};

/** What a request to set behaviour came to. */
export type BehaviourChange =
  | { readonly kind: "change"; readonly set: Partial<Behaviour>; readonly reset: readonly string[] }
  | { readonly kind: "wrong"; readonly reason: string };

type Read = (value: unknown) => unknown;

const readers: Readonly<Record<keyof Behaviour, Read>> = {
  latencyMs: milliseconds,
  throttle,
  errorRate: share,
  failRate: share,
  failsOnce: yesOrNo,
  notSupportedRate: share,
  offlineRate: share,
  rejectBulk,
  throttleRate: share,
  cutRate: share,
  slowRate: share,
  slowMs: milliseconds,
  lostAnswerRate: share,
  emptyResultsRate: share,
  auditLagMs: milliseconds,
  audits: (value) => (["shown", "empty", "refused"].includes(String(value)) ? value : undefined),
  poison,
  auditOptions: yesOrNo,
  holdWrites: yesOrNo,
  consistencyMs: milliseconds,
  accessPaceMs: milliseconds,
  typeFaults,
  missingSettings: milliseconds,
  signIn: (value) =>
    value === "none" || tokenFailures.some((each) => each === value) ? value : undefined,
  partnerMfa: yesOrNo,
  reseller: yesOrNo,
  gdap: (value) => delegations.find((each) => each === value),
  seed: whole,
  importMs: span,
  identityLagMs: milliseconds,
  changeLagMs: milliseconds,
  droppedTagRate: share,
  importsNothing: yesOrNo,
  importFaults,
  actMs: span,
  reportMs: span,
};

const isSetting = (name: string): name is keyof Behaviour => Object.hasOwn(readers, name);

/** Reads a change. `null` resets a setting; an unknown name or an impossible value makes all of it wrong. */
export function readBehaviourChange(body: Readonly<Record<string, unknown>>): BehaviourChange {
  const set: Record<string, unknown> = {};
  const reset: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (!isSetting(name)) return { kind: "wrong", reason: `unknown property "${name}"` };
    if (value === null) {
      reset.push(name);
      continue;
    }
    const read = readers[name](value);
    if (read === undefined) return { kind: "wrong", reason: `"${name}" has an impossible value` };
    set[name] = read;
  }
  return { kind: "change", set, reset };
}

/** The settings for everybody and for single tenants. */
export type BehaviourBook = {
  readonly change: (tenantId: string | undefined, change: BehaviourChange) => void;
  /** What applies to a tenant: its own settings over everybody's over the calm ones. */
  readonly of: (tenantId: string) => Behaviour;
  readonly everybody: () => Behaviour;
  readonly tenants: () => Readonly<Record<string, Partial<Behaviour>>>;
  readonly remove: (tenantId: string) => void;
  /** Back to calm, for everybody and every tenant. */
  readonly calmDown: () => void;
};

/** A book in which nothing is set. */
export function behaviourBook(): BehaviourBook {
  const own = new Map<string, Partial<Behaviour>>();
  const effective = new Map<string, Behaviour>();
  let everybody: Partial<Behaviour> = {};
  return {
    change: (tenantId, change) => {
      if (change.kind === "wrong") return;
      effective.clear();
      if (tenantId === undefined) everybody = apply(everybody, change);
      else own.set(tenantId, apply(own.get(tenantId) ?? {}, change));
    },
    of: (tenantId) => {
      let found = effective.get(tenantId);
      if (found === undefined) {
        found = { ...calm, ...everybody, ...own.get(tenantId) };
        effective.set(tenantId, found);
      }
      return found;
    },
    everybody: () => ({ ...calm, ...everybody }),
    tenants: () => Object.fromEntries(own),
    remove: (tenantId) => {
      own.delete(tenantId);
      effective.delete(tenantId);
    },
    calmDown: () => {
      own.clear();
      effective.clear();
      everybody = {};
    },
  };
}

function apply(
  current: Partial<Behaviour>,
  change: Extract<BehaviourChange, { kind: "change" }>,
): Partial<Behaviour> {
  const kept = Object.entries(current).filter(([name]) => !change.reset.includes(name));
  return { ...Object.fromEntries(kept), ...change.set };
}

function share(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value <= 1 ? value : undefined;
}

function yesOrNo(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function milliseconds(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value < 2 ** 31 ? value : undefined;
}

function whole(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}

function rejectBulk(value: unknown): number | false | undefined {
  if (value === true) return 400;
  return value === false || value === 400 || value === 403 || value === 501 ? value : undefined;
}

function poison(value: unknown): Poison | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { devices, status, ...unknown } = value as Record<string, unknown>;
  const known = typeof status === "number" && [400, 408, 413, 500, 502, 504].includes(status);
  if (Object.keys(unknown).length > 0 || typeof devices !== "number" || !known) return undefined;
  return devices >= 0 ? { devices, status } : undefined;
}

function span(value: unknown): Span | undefined {
  const [least, most] = Array.isArray(value) ? value : [value, value];
  const from = milliseconds(least);
  const to = milliseconds(most);
  return from === undefined || to === undefined || from > to ? undefined : [from, to];
}

function throttle(value: unknown): Throttle | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { limit, windowSeconds, retryAfter = null, ...unknown } = value as Record<string, unknown>;
  const wait = retryAfter === false ? null : retryAfter;
  if (Object.keys(unknown).length > 0) return undefined;
  if (typeof limit !== "number" || !(limit >= 0)) return undefined;
  if (typeof windowSeconds !== "number" || !(windowSeconds > 0)) return undefined;
  if (wait !== null && (typeof wait !== "number" || wait < 0)) return undefined;
  return { limit, windowSeconds, retryAfter: wait };
}

function importFaults(value: unknown): Readonly<Record<string, ImportFault>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const isWhole = Object.values(value).every(isImportFault);
  return isWhole ? (value as Record<string, ImportFault>) : undefined;
}

function isImportFault(value: unknown): boolean {
  const { code, name, times = 1, ...unknown } = (value ?? {}) as Record<string, unknown>;
  const isWhole = typeof code === "number" && typeof name === "string";
  return isWhole && typeof times === "number" && Object.keys(unknown).length === 0;
}

function typeFaults(value: unknown): Readonly<Record<string, TypeFault>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.values(value).every(isTypeFault) ? (value as Record<string, TypeFault>) : undefined;
}

function isTypeFault(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { status, on, later, times, retryAfter, ...unknown } = value as Record<string, unknown>;
  if (Object.keys(unknown).length > 0) return false;
  if (on !== undefined && on !== "read" && on !== "write") return false;
  if (later !== undefined && typeof later !== "boolean") return false;
  const counts = [times ?? 0, retryAfter ?? 0].every((one) => typeof one === "number" && one >= 0);
  return counts && typeof status === "number" && status >= 400 && status < 600;
}
