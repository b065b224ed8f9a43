/** Every function of the app, as values. What a listed module exports as a function exists; no other does. */

import type { Operation } from "../shared/http/operation.ts";
import * as approvals from "./access/approvals.http.ts";
import * as assignments from "./access/assignments.http.ts";
import * as audit from "./access/audit.http.ts";
import * as me from "./access/me.http.ts";
import * as roles from "./access/roles.http.ts";
import * as actions from "./actions/actions.http.ts";
import * as collections from "./collections/collections.http.ts";
import { consoleFunctions } from "./console/console.http.ts";
import * as customers from "./customers/customers.http.ts";
import * as partner from "./customers/partner.http.ts";
import type { AnyFunction } from "./define.ts";
import * as devices from "./devices/devices.http.ts";
import * as refreshDevices from "./devices/refresh-devices.queue.ts";
import * as refreshes from "./devices/refreshes.http.ts";
import * as sweepRefreshes from "./devices/sweep-refreshes.timer.ts";
import * as close from "./fanout/close.queue.ts";
import * as dispatch from "./fanout/dispatch.queue.ts";
import * as plan from "./fanout/plan.queue.ts";
import * as readBack from "./fanout/read-back.queue.ts";
import * as sweep from "./fanout/sweep.timer.ts";
import * as deliveries from "./notifications/deliveries.http.ts";
import * as notifications from "./notifications/notifications.http.ts";
import * as deadLetters from "./platform/dead-letters.http.ts";
import * as drain from "./platform/drain.http.ts";
import * as expireOld from "./platform/expire-old.timer.ts";
import * as health from "./platform/health.http.ts";
import * as names from "./platform/names.http.ts";
import * as openapi from "./platform/openapi.http.ts";
import * as ready from "./platform/ready.http.ts";
import { unknownRouteFunction } from "./platform/unknown-route.http.ts";
import { watchPoisonFunction } from "./platform/watch-poison.timer.ts";
import * as restarts from "./provisioning/restarts.http.ts";
import * as runs from "./provisioning/runs.http.ts";
import * as templates from "./provisioning/templates.http.ts";
import * as autopilotDevices from "./registration/autopilot-devices.http.ts";
import * as groupTags from "./registration/group-tags.http.ts";
import * as registrationLists from "./registration/registration-lists.http.ts";
import * as registrations from "./registration/registrations.http.ts";
import * as relay from "./relay/relay.http.ts";
import * as sites from "./relay/sites.http.ts";
import * as calendars from "./schedules/calendars.http.ts";
import * as maintenance from "./schedules/maintenance.http.ts";
import * as tasks from "./schedules/tasks.http.ts";
import * as tasksDue from "./schedules/tasks-due.queue.ts";
import * as tellDue from "./schedules/tasks-due.timer.ts";
import type { Services } from "./services.ts";
import * as authentication from "./sync/authentication.http.ts";
import * as baselinePublish from "./sync/baselines/baseline-publish.queue.ts";
import * as baselines from "./sync/baselines/baselines.http.ts";
import * as tailorings from "./sync/baselines/tailorings.http.ts";
import * as callbacks from "./sync/callbacks.http.ts";
import * as comparison from "./sync/comparison.http.ts";
import * as configuration from "./sync/configuration.http.ts";
import * as consent from "./sync/consent.http.ts";
import * as status from "./sync/status.http.ts";
import * as syncExport from "./sync/sync-export.queue.ts";
import * as syncSignIn from "./sync/sync-sign-in.queue.ts";
import * as syncWork from "./sync/sync-work.queue.ts";
import * as syncs from "./sync/syncs.http.ts";
import * as verdicts from "./sync/verdicts.http.ts";
import * as wakeTenants from "./sync/wake-tenants.timer.ts";
import * as purgeTenant from "./tenants/purge-tenant.queue.ts";
import * as sweepPurges from "./tenants/sweep-purges.timer.ts";
import * as tenants from "./tenants/tenants.http.ts";
import * as sweepWebhooks from "./webhooks/sweep-webhooks.timer.ts";
import * as webhooks from "./webhooks/webhooks.http.ts";
import * as webhooksDeliver from "./webhooks/webhooks-deliver.queue.ts";

/** The modules whose functions are registered. */
const modules = [
  approvals,
  assignments,
  audit,
  me,
  roles,
  actions,
  collections,
  customers,
  partner,
  devices,
  refreshDevices,
  refreshes,
  sweepRefreshes,
  close,
  dispatch,
  plan,
  readBack,
  sweep,
  deliveries,
  notifications,
  deadLetters,
  drain,
  expireOld,
  health,
  names,
  openapi,
  ready,
  restarts,
  runs,
  templates,
  autopilotDevices,
  groupTags,
  registrationLists,
  registrations,
  relay,
  sites,
  calendars,
  maintenance,
  tasks,
  tasksDue,
  tellDue,
  authentication,
  baselinePublish,
  baselines,
  tailorings,
  callbacks,
  comparison,
  configuration,
  consent,
  status,
  syncExport,
  syncSignIn,
  syncWork,
  syncs,
  verdicts,
  wakeTenants,
  purgeTenant,
  sweepPurges,
  tenants,
  sweepWebhooks,
  webhooks,
  webhooksDeliver,
] as const;

type Exported<M> = M extends M ? M[keyof M] : never;
type Listed = Extract<Exported<(typeof modules)[number]>, { readonly kind: string }>;

/** A module of triggers may share a form or an address with its neighbours: those are no functions. */
const isFunction = (exported: Exported<(typeof modules)[number]>): exported is Listed =>
  typeof exported === "object" && "kind" in exported;

const ours: readonly AnyFunction<Services>[] = modules.flatMap((each) =>
  Object.values<Exported<(typeof modules)[number]>>(each).filter(isFunction),
);

/** Each operation by its own type: what a client may call, and how. */
export type ListedOperation = Extract<Listed, { readonly kind: "http" }>["operation"];

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
