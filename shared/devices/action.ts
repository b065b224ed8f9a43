/** What the catalogue says about an action. */
import type { Route } from "./route.ts";

/** How sure an operation number is. */
export type Evidence = "documented" | "lab" | "community" | "singleSource";

/** Permission on the ConfigMgr collection that an action needs, in Microsoft's words. */
export type ActionPermission =
  | "modifyResource"
  | "runScript"
  | "runCMPivot"
  | "notifyResource"
  | "enforceSecurity";

export type ActionGroup = "installationAndScripts" | "clientNotification" | "endpointProtection";

/** One action. */
export type Action = {
  readonly id: string;
  readonly name: { readonly en: string; readonly fr: string };
  readonly group: ActionGroup;
  readonly permission: ActionPermission;
  /** True when a device that gets it twice is none the worse. */
  readonly repeatable: boolean;
  readonly operation?: { readonly type: number; readonly evidence: Evidence };
  /** Which schema its parameters have; absent: it takes none. */
  readonly parameters?: "script" | "query";
  /** How long it is worth sending, unless the request says otherwise (ISO 8601). */
  readonly expiresAfter: string;
  /** In order of preference. */
  readonly routes: readonly Route[];
  /** Why there is no way at all, where there is none. */
  readonly gap?: string;
};
