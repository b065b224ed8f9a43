/** Screens of who may do what, who did it, what waits for a second person, and what was left lying. */
import {
  HistoryRegular,
  KeyRegular,
  MailErrorRegular,
  PeopleCheckmarkRegular,
  QuestionRegular,
  ServerRegular,
} from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** States of an approval. */
export const approvalStates = ["pendingApproval", "approved", "rejected", "expired"] as const;

/** What waits for a second person in a tenant, and what was decided; `approval` is open. */
export const approvalsScreen = screen({
  path: "/tenants/$tenantId/approvals",
  title: { en: "Approvals", fr: "Approbations" },
  permission: "approvals.read",
  nav: { section: "tenant", icon: PeopleCheckmarkRegular },
  search: { state: oneOf(...approvalStates), approval: text },
  command: ({ tenantId, approval }) =>
    `approvals ${approval === undefined ? "" : `approve ${approval} `}--tenant ${tenantId}`,
  load: () => import("./approvals-page.tsx"),
});

/** Roles, and who holds which where; `window` is open for the role or the assignment that is named. */
export const accessScreen = screen({
  path: "/access",
  title: { en: "Access", fr: "Accès" },
  permission: "access.read",
  nav: { section: "administration", icon: KeyRegular },
  search: {
    tab: oneOf("assignments"),
    window: oneOf("assignment", "removeAssignment", "role", "removeRole"),
    assignment: text,
    role: text,
  },
  load: () => import("./access-page.tsx"),
});

/** What needs a second person; `rule`: the place of the one that `window` is open for, without it a new one. */
export const rulesScreen = screen({
  path: "/access/approval-rules",
  title: { en: "Approval rules", fr: "Règles d'approbation" },
  permission: "approvals.manage",
  nav: { section: "administration", icon: PeopleCheckmarkRegular },
  search: { window: oneOf("rule", "remove"), rule: text },
  load: () => import("./rules/rules-page.tsx"),
});

/** Why somebody may do something: oneself, or with `access.read` anybody. `principal`: kind:homeTenantId:id. */
export const whyScreen = screen({
  path: "/access/why",
  title: { en: "Why may X?", fr: "Pourquoi X peut-il ?" },
  nav: { section: "administration", icon: QuestionRegular },
  search: {
    operation: text,
    tenant: text,
    work: oneOf("notification", "sync", "provisioning"),
    action: text,
    principal: text,
    groups: text,
  },
  load: () => import("./why-page.tsx"),
});

/** Outcomes of what was done. */
export const auditOutcomes = ["allowed", "refused", "failed"] as const;

/** Who did what. `trail`: of one tenant by its id, `all`, or without it what is about none; days, both included. */
export const auditScreen = screen({
  path: "/audit",
  title: { en: "Audit trail", fr: "Journal d'audit" },
  permission: "audit.read",
  nav: { section: "administration", icon: HistoryRegular },
  search: {
    trail: text,
    actor: text,
    object: text,
    operation: text,
    outcome: oneOf(...auditOutcomes),
    from: text,
    to: text,
    event: text,
  },
  load: () => import("./audit-page.tsx"),
});

/** Queue messages that were set aside. */
export const deadLettersScreen = screen({
  path: "/dead-letters",
  title: { en: "Dead letters", fr: "Messages mis de côté" },
  permission: "deadLetters.read",
  nav: { section: "administration", icon: MailErrorRegular },
  search: { window: oneOf("replay", "discard"), message: text },
  load: () => import("./dead-letters-page.tsx"),
});

/** Draining before an upgrade. */
export const operationsScreen = screen({
  path: "/operations",
  title: { en: "Operations", fr: "Exploitation" },
  permission: "installation.drain",
  nav: { section: "administration", icon: ServerRegular },
  load: () => import("./operations/operations-page.tsx"),
});

/** ConfigMgr sites whose relays have reported. */
export const sitesScreen = screen({
  path: "/tenants/$tenantId/sites",
  title: { en: "Relay sites", fr: "Sites et relais" },
  permission: "sites.read",
  nav: { section: "tenant", icon: ServerRegular },
  load: () => import("./sites-page.tsx"),
});
