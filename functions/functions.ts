/** Every function of the app, as values. A function that is not listed here does not exist. */

import type { Operation } from "../shared/http/operation.ts";
import {
  approveApprovalFunction,
  getApprovalFunction,
  getApprovalRulesFunction,
  listApprovalsFunction,
  rejectApprovalFunction,
  replaceApprovalRulesFunction,
} from "./access/approvals.http.ts";
import {
  addAssignmentFunction,
  getAssignmentFunction,
  listAssignmentsFunction,
  removeAssignmentFunction,
  replaceAssignmentFunction,
} from "./access/assignments.http.ts";
import { listAuditFunction, listTenantAuditFunction } from "./access/audit.http.ts";
import { explainAccessFunction, getMeFunction } from "./access/me.http.ts";
import {
  addRoleFunction,
  getRoleFunction,
  listRolesFunction,
  removeRoleFunction,
  replaceRoleFunction,
} from "./access/roles.http.ts";
import { getActionFunction, listActionsFunction } from "./actions/actions.http.ts";
import {
  addCollectionFunction,
  getCollectionFunction,
  listCollectionsFunction,
  listMembersFunction,
  previewCollectionFunction,
  removeCollectionFunction,
  replaceCollectionFunction,
} from "./collections/collections.http.ts";
import { consoleFunctions } from "./console/console.http.ts";
import {
  changeCustomerFunction,
  checkCustomerFunction,
  getCustomerFunction,
  listCustomersFunction,
} from "./customers/customers.http.ts";
import { getPartnerFunction, signPartnerInFunction } from "./customers/partner.http.ts";
import type { AnyFunction } from "./define.ts";
import { getDeviceFunction, listDevicesFunction } from "./devices/devices.http.ts";
import { refreshDevicesFunction } from "./devices/refresh-devices.queue.ts";
import {
  getRefreshFunction,
  listRefreshesFunction,
  startRefreshFunction,
} from "./devices/refreshes.http.ts";
import { sweepRefreshesFunction } from "./devices/sweep-refreshes.timer.ts";
import { closeFunction } from "./fanout/close.queue.ts";
import { dispatchFunction } from "./fanout/dispatch.queue.ts";
import { planFunction } from "./fanout/plan.queue.ts";
import { readBackFunction } from "./fanout/read-back.queue.ts";
import { sweepFunction } from "./fanout/sweep.timer.ts";
import {
  countReasonsFunction,
  deviceHistoryFunction,
  listDeliveriesFunction,
} from "./notifications/deliveries.http.ts";
import {
  cancelNotificationFunction,
  getNotificationFunction,
  listEveryNotificationFunction,
  listNotificationsFunction,
  pauseNotificationFunction,
  resumeNotificationFunction,
  retryNotificationFunction,
  sendNotificationFunction,
} from "./notifications/notifications.http.ts";
import {
  discardDeadLetterFunction,
  listDeadLettersFunction,
  replayDeadLetterFunction,
} from "./platform/dead-letters.http.ts";
import { expireOldFunction } from "./platform/expire-old.timer.ts";
import { healthFunction } from "./platform/health.http.ts";
import { getNamesFunction } from "./platform/names.http.ts";
import { openApiFunction } from "./platform/openapi.http.ts";
import { readyFunction } from "./platform/ready.http.ts";
import { unknownRouteFunction } from "./platform/unknown-route.http.ts";
import { watchPoisonFunction } from "./platform/watch-poison.timer.ts";
import { restartFunction } from "./provisioning/restarts.http.ts";
import {
  cancelRunFunction,
  deviceRunsFunction,
  getRunDeviceFunction,
  getRunFunction,
  listRunDevicesFunction,
  listRunsFunction,
  pauseRunFunction,
  resumeRunFunction,
  runHistoryFunction,
  startRunFunction,
} from "./provisioning/runs.http.ts";
import {
  addTemplateFunction,
  exportTemplateVersionFunction,
  getTemplateFunction,
  getTenantVariablesFunction,
  listActionTypesFunction,
  listTemplatesFunction,
  listTemplateVersionsFunction,
  removeTemplateFunction,
  replaceTemplateFunction,
  replaceTenantVariablesFunction,
  scheduleTemplateFunction,
} from "./provisioning/templates.http.ts";
import {
  changeAutopilotDeviceFunction,
  deregisterAutopilotDevicesFunction,
  findAutopilotDevicesFunction,
  listAutopilotDevicesFunction,
} from "./registration/autopilot-devices.http.ts";
import {
  getGroupTagsFunction,
  getPartnerGroupTagsFunction,
  replaceGroupTagsFunction,
  replacePartnerGroupTagsFunction,
} from "./registration/group-tags.http.ts";
import {
  getRegistrationReportFunction,
  openRegistrationListFunction,
  putRegistrationPartFunction,
  submitManyRegistrationsFunction,
  submitRegistrationListFunction,
} from "./registration/registration-lists.http.ts";
import {
  cancelRegistrationFunction,
  getRegistrationFunction,
  listRegistrationDevicesFunction,
  listRegistrationsFunction,
  refreshRegistrationFunction,
  retryRegistrationFunction,
  submitRegistrationFunction,
} from "./registration/registrations.http.ts";
import {
  claimDeliveriesFunction,
  leaseSiteFunction,
  reportResultsFunction,
} from "./relay/relay.http.ts";
import {
  completeInventoryFunction,
  listSitesFunction,
  putInventoryPartFunction,
} from "./relay/sites.http.ts";
import {
  getCalendarFunction,
  listCalendarsFunction,
  removeCalendarFunction,
  replaceCalendarFunction,
} from "./schedules/calendars.http.ts";
import { getWindowsFunction, replaceWindowsFunction } from "./schedules/maintenance.http.ts";
import {
  addTaskFunction,
  getTaskFunction,
  getTaskRunFunction,
  listTaskRunsFunction,
  listTasksFunction,
  previewTaskFunction,
  removeTaskFunction,
  replaceTaskFunction,
  scheduleTaskFunction,
} from "./schedules/tasks.http.ts";
import { runDueTasksFunction } from "./schedules/tasks-due.queue.ts";
import { tellDueTasksFunction } from "./schedules/tasks-due.timer.ts";
import type { Services } from "./services.ts";
import {
  authenticationFunction,
  browserSignInFunction,
  continueWithoutUserFunction,
  newCodeFunction,
} from "./sync/authentication.http.ts";
import { publishBaselineToFunction } from "./sync/baselines/baseline-publish.queue.ts";
import {
  addBaselineFunction,
  getBaselineFunction,
  getBaselineVersionFunction,
  listBaselinesFunction,
  publishBaselineFunction,
  removeBaselineFunction,
  replaceBaselineFunction,
} from "./sync/baselines/baselines.http.ts";
import {
  getTailoringFunction,
  previewBaselineFunction,
  removeTailoringFunction,
  replaceTailoringFunction,
} from "./sync/baselines/tailorings.http.ts";
import { consentCallbackFunction, signInCallbackFunction } from "./sync/callbacks.http.ts";
import {
  editConfigurationItemFunction,
  exportConfigurationFunction,
  getConfigurationItemFunction,
  getItemRulesFunction,
  importConfigurationFunction,
  listConfigurationItemsFunction,
  listConfigurationTypesFunction,
  removeConfigurationItemFunction,
  replaceItemRulesFunction,
} from "./sync/configuration.http.ts";
import {
  beginConsentFunction,
  checkConsentFunction,
  consentFunction,
  continueWithoutTypesFunction,
} from "./sync/consent.http.ts";
import {
  acknowledgeErrorFunction,
  changeSyncSettingsFunction,
  getSyncStatusFunction,
} from "./sync/status.http.ts";
import { syncExportFunction } from "./sync/sync-export.queue.ts";
import { syncSignInFunction } from "./sync/sync-sign-in.queue.ts";
import { syncWorkFunction } from "./sync/sync-work.queue.ts";
import {
  cancelSyncFunction,
  getSyncFunction,
  listSyncsFunction,
  startManySyncsFunction,
  startSyncFunction,
  syncArtifactsFunction,
  syncErrorFunction,
  syncLogsFunction,
  syncReportFunction,
  undoSyncFunction,
} from "./sync/syncs.http.ts";
import {
  approveSyncFunction,
  confirmSyncFunction,
  rejectSyncFunction,
  releaseHeldFunction,
  resetSyncFunction,
  syncPlanFunction,
} from "./sync/verdicts.http.ts";
import { wakeTenantsFunction } from "./sync/wake-tenants.timer.ts";
import { purgeTenantFunction } from "./tenants/purge-tenant.queue.ts";
import { sweepPurgesFunction } from "./tenants/sweep-purges.timer.ts";
import {
  addTenantFunction,
  changeTenantFunction,
  getTenantFunction,
  listTenantsFunction,
  removeTenantFunction,
} from "./tenants/tenants.http.ts";
import { sweepWebhooksFunction } from "./webhooks/sweep-webhooks.timer.ts";
import {
  addWebhookFunction,
  changeWebhookFunction,
  getWebhookDeliveryFunction,
  getWebhookFunction,
  listWebhookDeliveriesFunction,
  listWebhooksFunction,
  redeliverFunction,
  removeWebhookFunction,
  rotateWebhookSecretFunction,
  testWebhookFunction,
} from "./webhooks/webhooks.http.ts";
import { webhooksDeliverFunction } from "./webhooks/webhooks-deliver.queue.ts";

const listed = [
  listActionsFunction,
  getActionFunction,
  getNamesFunction,
  cancelNotificationFunction,
  pauseNotificationFunction,
  resumeNotificationFunction,
  readBackFunction,
  dispatchFunction,
  deviceHistoryFunction,
  getNotificationFunction,
  countReasonsFunction,
  listDeliveriesFunction,
  listEveryNotificationFunction,
  listNotificationsFunction,
  planFunction,
  retryNotificationFunction,
  sendNotificationFunction,
  closeFunction,
  sweepFunction,
  openApiFunction,
  expireOldFunction,
  healthFunction,
  readyFunction,
  listDeadLettersFunction,
  replayDeadLetterFunction,
  discardDeadLetterFunction,
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
  listCustomersFunction,
  getCustomerFunction,
  checkCustomerFunction,
  changeCustomerFunction,
  getPartnerFunction,
  signPartnerInFunction,
  submitRegistrationFunction,
  submitManyRegistrationsFunction,
  getRegistrationReportFunction,
  getPartnerGroupTagsFunction,
  replacePartnerGroupTagsFunction,
  openRegistrationListFunction,
  putRegistrationPartFunction,
  submitRegistrationListFunction,
  getGroupTagsFunction,
  replaceGroupTagsFunction,
  listAutopilotDevicesFunction,
  findAutopilotDevicesFunction,
  changeAutopilotDeviceFunction,
  deregisterAutopilotDevicesFunction,
  listRegistrationsFunction,
  getRegistrationFunction,
  listRegistrationDevicesFunction,
  cancelRegistrationFunction,
  retryRegistrationFunction,
  refreshRegistrationFunction,
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
  startSyncFunction,
  startManySyncsFunction,
  listSyncsFunction,
  getSyncFunction,
  cancelSyncFunction,
  undoSyncFunction,
  syncReportFunction,
  syncArtifactsFunction,
  syncLogsFunction,
  syncErrorFunction,
  syncPlanFunction,
  approveSyncFunction,
  confirmSyncFunction,
  rejectSyncFunction,
  resetSyncFunction,
  releaseHeldFunction,
  getSyncStatusFunction,
  acknowledgeErrorFunction,
  changeSyncSettingsFunction,
  listConfigurationTypesFunction,
  listConfigurationItemsFunction,
  getConfigurationItemFunction,
  editConfigurationItemFunction,
  removeConfigurationItemFunction,
  getItemRulesFunction,
  replaceItemRulesFunction,
  exportConfigurationFunction,
  importConfigurationFunction,
  authenticationFunction,
  newCodeFunction,
  browserSignInFunction,
  continueWithoutUserFunction,
  consentFunction,
  beginConsentFunction,
  checkConsentFunction,
  continueWithoutTypesFunction,
  signInCallbackFunction,
  consentCallbackFunction,
  listBaselinesFunction,
  addBaselineFunction,
  getBaselineFunction,
  getBaselineVersionFunction,
  replaceBaselineFunction,
  removeBaselineFunction,
  publishBaselineFunction,
  getTailoringFunction,
  replaceTailoringFunction,
  removeTailoringFunction,
  previewBaselineFunction,
  publishBaselineToFunction,
  syncSignInFunction,
  syncWorkFunction,
  syncExportFunction,
  wakeTenantsFunction,
  listWebhooksFunction,
  addWebhookFunction,
  getWebhookFunction,
  changeWebhookFunction,
  removeWebhookFunction,
  rotateWebhookSecretFunction,
  testWebhookFunction,
  listWebhookDeliveriesFunction,
  getWebhookDeliveryFunction,
  redeliverFunction,
  webhooksDeliverFunction,
  sweepWebhooksFunction,
  listTemplatesFunction,
  addTemplateFunction,
  getTemplateFunction,
  replaceTemplateFunction,
  removeTemplateFunction,
  listTemplateVersionsFunction,
  exportTemplateVersionFunction,
  scheduleTemplateFunction,
  listActionTypesFunction,
  getTenantVariablesFunction,
  replaceTenantVariablesFunction,
  startRunFunction,
  listRunsFunction,
  getRunFunction,
  cancelRunFunction,
  pauseRunFunction,
  resumeRunFunction,
  listRunDevicesFunction,
  getRunDeviceFunction,
  runHistoryFunction,
  restartFunction,
  deviceRunsFunction,
  listTasksFunction,
  addTaskFunction,
  getTaskFunction,
  replaceTaskFunction,
  scheduleTaskFunction,
  removeTaskFunction,
  listTaskRunsFunction,
  previewTaskFunction,
  getTaskRunFunction,
  getWindowsFunction,
  replaceWindowsFunction,
  listCalendarsFunction,
  getCalendarFunction,
  replaceCalendarFunction,
  removeCalendarFunction,
  runDueTasksFunction,
  tellDueTasksFunction,
] as const satisfies readonly AnyFunction<Services>[];

const ours: readonly AnyFunction<Services>[] = listed;

/** Each operation by its own type: what a client may call, and how. */
export type ListedOperation = Extract<
  (typeof listed)[number],
  { readonly kind: "http" }
>["operation"];

/** What the API consists of: the operations of every HTTP function, in this order. */
export const operations: readonly Operation[] = ours.flatMap((each) =>
  each.kind === "http" ? [each.operation] : [],
);

/** Everything that is registered. */
export const functions: readonly AnyFunction<Services>[] = [
  ...ours,
  ...consoleFunctions,
  watchPoisonFunction(ours.filter((each) => each.kind === "queue")),
  unknownRouteFunction(operations),
];
