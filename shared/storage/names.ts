/** The names of everything we keep, in one place: tables, queues. infra/names.json has the same ones. */

/** Tables, with what their partition is. */
export const tableNames = {
  /** All tenants in one partition: it grows with customers, not with devices. */
  tenants: "Tenants",
  /** Directory pages; partition = tenant and layout. */
  devices: "Devices",
  /** Partition = tenant. */
  collections: "Collections",
  /** Runs of the directory refresh; partition = tenant. */
  refreshes: "Refreshes",
  /** Partition = tenant and kind of job; the row key sorts newest first. */
  jobs: "Jobs",
  /** What the relays have told; partition = tenant, row = site. */
  sites: "Sites",
  /** Partition = job. */
  items: "Items",
  /** Work in progress that the sweeper looks after; partition = kind of work. */
  openWork: "OpenWork",
  /** Next free instant; partition = tenant, row = workload. */
  throttles: "Throttles",
  /** Answers already given; partition = tenant and operation. */
  answers: "Answers",
  /** Custom roles; one partition, it grows with administrators. */
  roles: "Roles",
  /** One partition: read whole, and kept for seconds. */
  assignments: "Assignments",
  /** Partition = tenant and month. */
  audit: "Audit",
  /** Partition = tenant. */
  approvals: "Approvals",
  /** Sign-ins that wait for a person, and the account that has signed in; partition = tenant. */
  signIns: "SignIns",
  /**
   * Synchronisation of configuration. Partition = tenant (its own row, its syncs newest first), or tenant and sync (how
   * far types and items are), or the list of all tenants' statuses.
   */
  syncs: "Syncs",
  /** One partition: read whole, and kept for seconds. */
  webhooks: "Webhooks",
  /** Partition = webhook; newest first. */
  webhookDeliveries: "WebhookDeliveries",
  /**
   * Baselines in one partition: it grows with customers times baselines, not with devices. Rows by baseline: itself,
   * its versions, what tenants have of it of their own, and which version is on its way to each.
   */
  baselines: "Baselines",
  /** Templates and their versions in one partition: it grows with what people write. */
  templates: "Templates",
  /** Which run has a device, and which had it; partition = tenant, row = device. */
  deviceLocks: "DeviceLocks",
  /** Tasks, their runs and windows; partition = tenant. Calendars in one partition, and one of users for each. */
  tasks: "Tasks",
  /** When tasks are due; partition = minute, so that a timer reads what is due and nothing else. */
  dueTasks: "DueTasks",
  /** What ties a customer to the partner; partition = tenant, one row. */
  relationships: "Relationships",
  /** Messages set aside; newest first. */
  deadLetters: "DeadLetters",
} as const;
export type TableName = (typeof tableNames)[keyof typeof tableNames];

/** Queues; a queue function listens on the queue of its own name. */
export const queueNames = {
  devicesRefresh: "devices-refresh",
  fanoutPlan: "fanout-plan",
  fanoutDispatch: "fanout-dispatch",
  fanoutReadBack: "fanout-read-back",
  fanoutClose: "fanout-close",
  tenantPurge: "tenant-purge",
  syncWork: "sync-work",
  syncExport: "sync-export",
  syncSignIn: "sync-sign-in",
  webhooksDeliver: "webhooks-deliver",
  baselinePublish: "baseline-publish",
  tasksDue: "tasks-due",
} as const;
export type QueueName = (typeof queueNames)[keyof typeof queueNames];

/** Queue of one ConfigMgr site, which the relay beside it drains. */
export type SiteQueueName = `site-${string}`;
