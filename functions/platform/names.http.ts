/** Says what everything is called whose ids other answers hold: states, reasons, problems, permissions, in both languages. */
import * as z from "zod";
import { approvalStateNames } from "../../shared/access/approvals/approval.ts";
import { auditOutcomeNames } from "../../shared/access/audit/records.ts";
import { actionPermissionNames, permissionMeanings } from "../../shared/access/roles/names.ts";
import { builtInRoles, permissionNames, withImplied } from "../../shared/access/roles/roles.ts";
import { catalogue, groupNames } from "../../shared/devices/actions/catalogue.ts";
import {
  bucketNames,
  itemStateNames,
  jobStateNames,
  phaseNames,
  reasonNames,
} from "../../shared/fanout/state/names.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { problemTitles } from "../../shared/http/titles.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { verdicts } from "../../shared/provisioning/run.ts";
import { sections } from "../../shared/provisioning/templates/template.ts";
import { deviceOutcomeNames } from "../../shared/registration/contract.ts";
import { registrationStateNames } from "../../shared/registration/state/registration.ts";
import { taskFolders, taskStates } from "../../shared/schedules/state/task.ts";
import { syncStatuses } from "../../shared/sync/state/lifecycle.ts";
import {
  publicationNames,
  syncModeNames,
  syncOutcomeNames,
  syncPhaseNames,
  syncReasonNames,
  syncStepNames,
  syncTriggerNames,
} from "../../shared/sync/state/names.ts";
import { onHttp } from "../define.ts";

const ById = z.record(z.string(), z.object({ en: z.string(), fr: z.string() }));

const NamesView = z
  .object({
    actions: ById,
    actionGroups: ById,
    actionPermissions: ById.describe("What actions take, in ConfigMgr's words"),
    permissions: ById.describe("What each permission lets its holder do"),
    roles: ById.describe("The built-in ones"),
    rolesWith: z
      .record(z.string(), z.array(z.string()))
      .describe("Built-in roles that hold each permission: whom to ask for"),
    approvalStates: ById,
    auditOutcomes: ById,
    jobStates: ById.describe("Of notifications and provisioning runs"),
    phases: ById.describe("Of notifications"),
    deliveryStates: ById,
    buckets: ById,
    reasons: ById.describe("By the code of a delivery, a device run, a device or a failure"),
    registrationStates: ById,
    deviceOutcomes: ById.describe("What became of a device of a registration"),
    syncStatuses: ById,
    publications: ById.describe("Of baselines, to a tenant"),
    syncModes: ById,
    syncTriggers: ById,
    syncPhases: ById,
    syncSteps: ById.describe("How far a type is read, or a change written"),
    syncOutcomes: ById,
    syncReasons: ById.describe("Why something of a plan or a sync is not done"),
    sections: ById.describe("Of templates"),
    verdicts: ById.describe("Of provisioning runs and their devices"),
    taskStates: ById,
    taskFolders: ById,
    problems: ById.describe("Titles of problem documents by their code"),
  })
  .meta({ id: "Names" });

const names: z.output<typeof NamesView> = {
  actions: Object.fromEntries(catalogue.map(({ id, name }) => [id, name])),
  actionGroups: groupNames,
  actionPermissions: actionPermissionNames,
  permissions: permissionMeanings,
  roles: Object.fromEntries(
    builtInRoles.map(({ roleId, name, names: { en, fr } = { en: name, fr: name } }) => [
      roleId,
      { en, fr },
    ]),
  ),
  rolesWith: Object.fromEntries(
    permissionNames.map((permission) => [
      permission,
      builtInRoles.flatMap(({ roleId, permissions }) =>
        withImplied(permissions).has(permission) ? [roleId] : [],
      ),
    ]),
  ),
  approvalStates: approvalStateNames,
  auditOutcomes: auditOutcomeNames,
  jobStates: jobStateNames,
  phases: phaseNames,
  deliveryStates: itemStateNames,
  buckets: bucketNames,
  reasons: reasonNames,
  registrationStates: registrationStateNames,
  deviceOutcomes: deviceOutcomeNames,
  syncStatuses,
  publications: publicationNames,
  syncModes: syncModeNames,
  syncTriggers: syncTriggerNames,
  syncPhases: syncPhaseNames,
  syncSteps: syncStepNames,
  syncOutcomes: syncOutcomeNames,
  syncReasons: syncReasonNames,
  sections: Object.fromEntries(
    Object.entries(sections).map(([id, { en, fr }]) => [id, { en, fr }]),
  ),
  verdicts,
  taskStates,
  taskFolders,
  problems: problemTitles,
};

export const getNamesFunction = onHttp(
  operation({
    name: "names-get",
    method: "GET",
    path: "api/v1/names",
    summary:
      "What states, reasons, problems, permissions and the like are called, in English and French",
    tag: "Platform",
    answers: { 200: { description: "Names by what they are of and by id", body: NamesView } },
  }),
  async () => Promise.resolve(succeed(ok(names))),
);

/** What texts name by its name: actions, sections and roles. */
const named = [
  ...catalogue.map(({ name }) => name),
  ...Object.values(sections),
  ...builtInRoles.flatMap(({ names: each }) => each ?? []),
];

export const listTextsFunction = onHttp(
  operation({
    name: "texts-list",
    method: "GET",
    path: "api/v1/texts",
    summary:
      "What the API says in English, such as details of problems and reasons, and the same in French",
    tag: "Platform",
    answers: {
      200: {
        description: "Texts, with {0}, {1} and so on where values stand in them",
        body: z
          .object({ value: z.array(z.object({ en: z.string(), fr: z.string() })) })
          .meta({ id: "Texts" }),
      },
    },
  }),
  async () => {
    // A tenth of a megabyte, of which a cold start needs nothing.
    const { french } = await import("../../shared/http/french/texts.ts");
    return succeed(ok({ value: [...named.map(({ en, fr }) => ({ en, fr })), ...french] }));
  },
);
