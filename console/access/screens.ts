/** Screens of who may do what: approvals. */
import { PeopleCheckmarkRegular } from "@fluentui/react-icons";
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
