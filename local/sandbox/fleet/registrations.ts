/**
 * Hardware that somebody registers into Autopilot: which tenant holds what, what each tenant was asked to import, and every
 * submission, so that a doubled one can be counted from outside.
 */
import { createHash } from "node:crypto";

/** How an import ended. */
export type ImportError = { readonly code: number; readonly name: string };

/** A device that is to be imported, or was. */
export type ImportRecord = {
  readonly id: string;
  readonly importId: string;
  readonly groupTag: string;
  readonly serialNumber: string;
  readonly productKey: string;
  readonly user: string;
  /** Names the hardware. */
  readonly key: string;
  /** When it comes to its end, and to which. */
  readonly endsAt: number;
  readonly error?: ImportError;
  readonly registrationId: string;
};

/** A device that a tenant holds. */
export type Registered = {
  readonly id: string;
  readonly key: string;
  readonly serialNumber: string;
  readonly productKey: string;
  groupTag: string;
  user: string;
  addressableUserName: string;
  displayName: string;
  /** From then on it is listed. */
  shownAt: number;
};

/** What one tenant has. */
export type Enrollment = {
  readonly records: Map<string, ImportRecord>;
  readonly devices: Map<string, Registered>;
  /** Corporate device identifiers. */
  readonly identifiers: Set<string>;
  /** Ids of the fleet's own identities that were deleted, and what was changed of the others. */
  readonly removed: Set<string>;
  readonly changed: Map<string, Partial<Registered>>;
  /** Changes that were taken, and show later. */
  readonly later: Set<{ readonly at: number; readonly apply: () => void }>;
  syncedAt: number;
};

/** A device that was handed in. */
type Submission = {
  readonly tenantId: string;
  readonly route: string;
  readonly key: string;
  readonly time: number;
};

/** All of it. */
export type Registrations = {
  readonly of: (tenantId: string) => Enrollment;
  readonly submit: (submission: Submission) => void;
  /** The tenant that holds the hardware. */
  readonly holder: (key: string) => string | undefined;
  readonly hold: (key: string, tenantId: string | undefined) => void;
  readonly summary: (tenantId: string | undefined) => {
    readonly total: number;
    readonly distinct: number;
    readonly doubled: number;
  };
  readonly clear: () => void;
};

/** Nothing is registered. */
export function registrations(): Registrations {
  const tenants = new Map<string, Enrollment>();
  const holders = new Map<string, string>();
  let submissions: Submission[] = [];
  return {
    of: (tenantId) => {
      const known = tenants.get(tenantId);
      if (known !== undefined) return known;
      const fresh: Enrollment = {
        records: new Map(),
        devices: new Map(),
        identifiers: new Set(),
        removed: new Set(),
        changed: new Map(),
        later: new Set(),
        syncedAt: 0,
      };
      tenants.set(tenantId, fresh);
      return fresh;
    },
    submit: (submission) => {
      submissions.push(submission);
    },
    holder: (key) => holders.get(key),
    hold: (key, tenantId) => {
      if (tenantId === undefined) holders.delete(key);
      else holders.set(key, tenantId);
    },
    summary: (tenantId) => {
      const asked = submissions.filter((each) => !tenantId || each.tenantId === tenantId);
      const distinct = new Set(asked.map((each) => `${each.tenantId} ${each.key}`)).size;
      return { total: asked.length, distinct, doubled: asked.length - distinct };
    },
    clear: () => {
      submissions = [];
    },
  };
}

/** What names hardware: its serial number where one is told, else the product key, else the hash. */
export const hardwareKey = (serial: string, productKey: string, hash: string): string =>
  serial || productKey || createHash("sha256").update(hash).digest("hex");
