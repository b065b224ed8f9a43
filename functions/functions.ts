/** Every function of the app, as values. A function that is not listed here does not exist. */
import type { Operation } from "../shared/http/operation.ts";
import { addAssignmentFunction } from "./access/add-assignment.http.ts";
import { addRoleFunction } from "./access/add-role.http.ts";
import { approveApprovalFunction } from "./access/approve-approval.http.ts";
import { explainAccessFunction } from "./access/explain-access.http.ts";
import { getApprovalFunction } from "./access/get-approval.http.ts";
import { getApprovalRulesFunction } from "./access/get-approval-rules.http.ts";
import { getAssignmentFunction } from "./access/get-assignment.http.ts";
import { getMeFunction } from "./access/get-me.http.ts";
import { getRoleFunction } from "./access/get-role.http.ts";
import { listApprovalsFunction } from "./access/list-approvals.http.ts";
import { listAssignmentsFunction } from "./access/list-assignments.http.ts";
import { listAuditFunction } from "./access/list-audit.http.ts";
import { listRolesFunction } from "./access/list-roles.http.ts";
import { listTenantAuditFunction } from "./access/list-tenant-audit.http.ts";
import { rejectApprovalFunction } from "./access/reject-approval.http.ts";
import { removeAssignmentFunction } from "./access/remove-assignment.http.ts";
import { removeRoleFunction } from "./access/remove-role.http.ts";
import { replaceApprovalRulesFunction } from "./access/replace-approval-rules.http.ts";
import { replaceAssignmentFunction } from "./access/replace-assignment.http.ts";
import { replaceRoleFunction } from "./access/replace-role.http.ts";
import { listActionsFunction } from "./actions/list-actions.http.ts";
import { addCollectionFunction } from "./collections/add-collection.http.ts";
import { getCollectionFunction } from "./collections/get-collection.http.ts";
import { listCollectionsFunction } from "./collections/list-collections.http.ts";
import { listMembersFunction } from "./collections/list-members.http.ts";
import { previewCollectionFunction } from "./collections/preview-collection.http.ts";
import { removeCollectionFunction } from "./collections/remove-collection.http.ts";
import { replaceCollectionFunction } from "./collections/replace-collection.http.ts";
import type { AnyFunction } from "./define.ts";
import { getDeviceFunction } from "./devices/get-device.http.ts";
import { getRefreshFunction } from "./devices/get-refresh.http.ts";
import { listDevicesFunction } from "./devices/list-devices.http.ts";
import { listRefreshesFunction } from "./devices/list-refreshes.http.ts";
import { refreshDevicesFunction } from "./devices/refresh-devices.queue.ts";
import { startRefreshFunction } from "./devices/start-refresh.http.ts";
import { sweepRefreshesFunction } from "./devices/sweep-refreshes.timer.ts";
import { cancelNotificationFunction } from "./notifications/cancel-notification.http.ts";
import { confirmNotificationFunction } from "./notifications/confirm-notification.queue.ts";
import { deliverNotificationFunction } from "./notifications/deliver-notification.queue.ts";
import { deviceHistoryFunction } from "./notifications/device-history.http.ts";
import { getNotificationFunction } from "./notifications/get-notification.http.ts";
import { listDeliveriesFunction } from "./notifications/list-deliveries.http.ts";
import { listNotificationsFunction } from "./notifications/list-notifications.http.ts";
import { planNotificationFunction } from "./notifications/plan-notification.queue.ts";
import { retryNotificationFunction } from "./notifications/retry-notification.http.ts";
import { sendNotificationFunction } from "./notifications/send-notification.http.ts";
import { settleWaitingFunction } from "./notifications/settle-waiting.queue.ts";
import { sweepNotificationsFunction } from "./notifications/sweep-notifications.timer.ts";
import { forgetOldFunction } from "./platform/forget-old.timer.ts";
import { healthFunction } from "./platform/health.http.ts";
import { listQuarantineFunction } from "./platform/list-quarantine.http.ts";
import { openApiFunction } from "./platform/openapi.http.ts";
import { unknownRouteFunction } from "./platform/unknown-route.http.ts";
import { watchPoisonFunction } from "./platform/watch-poison.timer.ts";
import { claimDeliveriesFunction } from "./relay/claim-deliveries.http.ts";
import { completeInventoryFunction } from "./relay/complete-inventory.http.ts";
import { leaseSiteFunction } from "./relay/lease-site.http.ts";
import { listSitesFunction } from "./relay/list-sites.http.ts";
import { putInventoryPartFunction } from "./relay/put-inventory-part.http.ts";
import { reportResultsFunction } from "./relay/report-results.http.ts";
import { addTenantFunction } from "./tenants/add-tenant.http.ts";
import { changeTenantFunction } from "./tenants/change-tenant.http.ts";
import { getTenantFunction } from "./tenants/get-tenant.http.ts";
import { listTenantsFunction } from "./tenants/list-tenants.http.ts";
import { purgeTenantFunction } from "./tenants/purge-tenant.queue.ts";
import { removeTenantFunction } from "./tenants/remove-tenant.http.ts";
import { sweepPurgesFunction } from "./tenants/sweep-purges.timer.ts";

const ours: readonly AnyFunction[] = [
  listActionsFunction,
  cancelNotificationFunction,
  confirmNotificationFunction,
  deliverNotificationFunction,
  deviceHistoryFunction,
  getNotificationFunction,
  listDeliveriesFunction,
  listNotificationsFunction,
  planNotificationFunction,
  retryNotificationFunction,
  sendNotificationFunction,
  settleWaitingFunction,
  sweepNotificationsFunction,
  openApiFunction,
  forgetOldFunction,
  healthFunction,
  listQuarantineFunction,
  addTenantFunction,
  changeTenantFunction,
  getTenantFunction,
  listTenantsFunction,
  removeTenantFunction,
  purgeTenantFunction,
  sweepPurgesFunction,
  addCollectionFunction,
  getCollectionFunction,
  listCollectionsFunction,
  listMembersFunction,
  previewCollectionFunction,
  removeCollectionFunction,
  replaceCollectionFunction,
  getDeviceFunction,
  getRefreshFunction,
  listDevicesFunction,
  listRefreshesFunction,
  refreshDevicesFunction,
  startRefreshFunction,
  sweepRefreshesFunction,
  listSitesFunction,
  putInventoryPartFunction,
  completeInventoryFunction,
  leaseSiteFunction,
  claimDeliveriesFunction,
  reportResultsFunction,
  addAssignmentFunction,
  addRoleFunction,
  approveApprovalFunction,
  explainAccessFunction,
  getApprovalRulesFunction,
  getApprovalFunction,
  getAssignmentFunction,
  getMeFunction,
  getRoleFunction,
  listApprovalsFunction,
  listAssignmentsFunction,
  listAuditFunction,
  listRolesFunction,
  listTenantAuditFunction,
  rejectApprovalFunction,
  removeAssignmentFunction,
  removeRoleFunction,
  replaceApprovalRulesFunction,
  replaceAssignmentFunction,
  replaceRoleFunction,
];

/** What the API consists of: the operations of every HTTP function, in this order. */
export const operations: readonly Operation[] = ours.flatMap((each) =>
  each.kind === "http" ? [each.operation] : [],
);

/** Everything that is registered. */
export const functions: readonly AnyFunction[] = [
  ...ours,
  watchPoisonFunction(ours.filter((each) => each.kind === "queue")),
  unknownRouteFunction(operations),
];
