/** What the API says about device lists: the devices that it takes as JSON, and what it answers of what was found. */
import * as z from "zod";
import { PersonView } from "../access/approvals/approval.ts";
import { Line } from "../kernel/outside-text.ts";
import { Guid, TenantId } from "../kernel/values.ts";
import { repairNames } from "./list/codes.ts";
import { type ColumnKey, layoutNames } from "./list/layouts.ts";
import { Verdict } from "./partner/customers.ts";
import { backEndIds, registeringIds, registrationStates } from "./state/registration.ts";

/** Most bytes of a list: 500 devices with their hashes are 2 MB. */
export const maxListBytes = 4 * 1024 * 1024;

/** What the values of a device are called in JSON. */
export const deviceNames = {
  serial: "serialNumber",
  productId: "productId",
  hash: "hardwareHash",
  tag: "groupTag",
  user: "assignedUser",
  manufacturer: "manufacturer",
  model: "model",
} as const satisfies Record<ColumnKey, string>;

const text = (most: number) => Line.max(most).optional();

/** A device: known by its hash, by its product ID, or by serial number, manufacturer and model together. */
const Device = z.strictObject({
  serialNumber: text(200),
  productId: text(200).describe("13 digits, from the box"),
  hardwareHash: text(16 * 1024).describe("Base64"),
  manufacturer: text(200),
  model: text(200),
  groupTag: text(1000),
  assignedUser: text(200),
});

/** A list of devices as JSON. */
export const DeviceList = z.strictObject({ devices: z.array(Device).min(1).max(5000) });

const anyRepair = `(${repairNames.join("|")})`;

/** The query. */
export const SubmitQuery = z.strictObject({
  dryRun: z.literal("true").optional().describe("true: judge the list, and do nothing else"),
  partial: z
    .literal("true")
    .optional()
    .describe("true: register the rows without faults, and leave the others out"),
  backEnd: z
    .enum([...registeringIds, "file"])
    .optional()
    .describe(
      "How they are registered; absent: partnerCenter where a direct partner or an indirect provider has it open, else graph. graph, as the tenant's own devices, by their hashes; partnerCenter, by the partner that sells to the tenant; corporateIdentifiers, as Intune's list of devices that the company owns, which registers nothing into Autopilot; file, with dryRun: clean files for Partner Center's portal",
    ),
  defaultTag: Line.min(1)
    .max(64)
    .optional()
    .describe(
      "The group tag of rows that have none; without one, partnerCenter does not send such rows",
    ),
  repair: z
    .string()
    .regex(new RegExp(`^${anyRepair}(,${anyRepair}){0,3}$`), {
      error: `must be names out of ${repairNames.join(", ")}, with commas between them`,
    })
    .optional()
    .describe("Also answer a copy of the file in which this is repaired"),
});

const Finding = z
  .object({
    severity: z.enum(["error", "warning"]),
    code: z.string().describe("Stable name of the fault; docs/registration.md explains each"),
    row: z.int().nullable().describe("Which device, from 1; null: the file as a whole"),
    line: z.int().nullable().describe("Which line of the file, from 1"),
    column: z.string().nullable(),
    reason: z.string(),
    serviceError: z.string().optional().describe("What the service would have said"),
    repairable: z.boolean(),
    repair: z.string().optional().describe("How it is repaired"),
    repairBy: z.enum(repairNames).optional().describe("The name to ask for the repair by"),
  })
  .meta({ id: "DeviceListFinding" });

const counts = {
  valid: z.boolean().describe("Nothing refuses a row or the file"),
  errors: z.int(),
  warnings: z.int(),
};

/** What was found of a list. */
export const ListVerdict = z
  .object({
    dryRun: z.literal(true),
    backEnd: Verdict.extend({
      id: z.enum([...registeringIds, "file"]),
      why: z.string().describe("Why this one is taken"),
    }).describe("How the list would be registered, and whether that is open for this customer"),
    layout: z.enum(layoutNames).optional(),
    encoding: z.enum(["ascii", "ansi", "utf-8", "utf-8-bom", "utf-16-le", "utf-16-be"]).optional(),
    bytes: z.int().optional(),
    sha256: z.string().optional(),
    ...counts,
    fileRejected: z.boolean().describe("Something refuses all of it"),
    rows: z.int(),
    acceptedRows: z.int().describe("Devices that could be sent"),
    findings: z.array(Finding).describe("The first thousand; errors and warnings count all"),
    files: z
      .array(
        z.object({
          groupTag: z.string().optional().describe("To be typed in at the portal"),
          rows: z.int(),
          contentBase64: z.string(),
        }),
      )
      .optional()
      .describe("With backEnd=file: clean files, one for each group tag"),
    rowsLeftOut: z.int().optional().describe("Rows that stand in none of the files"),
    repairsOffered: z.array(z.enum(repairNames)).describe("What ?repair= would do something for"),
    repaired: z
      .object({
        impossible: z.string().optional().describe("Why there is no repaired file"),
        contentBase64: z.string().optional().describe("The file, byte for byte"),
        bytes: z.int().optional(),
        sha256: z.string().optional(),
        changes: z
          .array(
            z.object({
              repair: z.enum(repairNames),
              lines: z.int().describe("Lines that it changed"),
              first: z.array(z.int()).describe("The first twenty of them"),
            }),
          )
          .optional(),
        valid: counts.valid.optional(),
        errors: counts.errors.optional(),
        warnings: counts.warnings.optional(),
      })
      .optional(),
  })
  .meta({ id: "DeviceListVerdict" });

// Registrations.

/** Path of everything about one registration. */
export const RegistrationPath = z.strictObject({
  tenantId: TenantId,
  registrationId: z
    .string()
    .regex(/^[0-9a-z]{22}$/, "is not a registration's id")
    .describe("Id of a registration"),
});

const count = z.int().min(0);

/** A registration as the API shows it. */
export const RegistrationView = z
  .object({
    registrationId: z.string(),
    tenantId: z.string(),
    state: z
      .enum(registrationStates)
      .describe(
        "At its end the word follows the counts: finished (every row is registered), partlyFinished, failed (none is), unknown (none is known to be)",
      ),
    final: z.boolean().describe("It has ended: wait for this, whatever the state is called then"),
    backEnd: z.enum(backEndIds),
    list: z.object({
      rows: count,
      bytes: count,
      sha256: z.string().describe("Of the list as it came, which is kept sealed"),
    }),
    defaultTag: z.string().optional().describe("The group tag of rows that have none"),
    partial: z.boolean().describe("Rows with faults were left out, as it was asked for"),
    requestedBy: PersonView.optional(),
    retryOf: z.string().optional().describe("The registration whose failed devices it repeats"),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    failure: z.object({ code: z.string(), detail: z.string() }).optional(),
    counts: z
      .object({
        total: count,
        waiting: count,
        submitted: count.describe("With the service, or being read back"),
        registered: count.describe("Those that the tenant had before among them"),
        failed: count,
        notSubmitted: count,
        cancelled: count,
        unknown: count.describe("Nobody can tell; POST .../refresh looks again"),
      })
      .describe("Rows by what became of them; they add up to total"),
  })
  .meta({ id: "Registration" });
export type RegistrationView = z.output<typeof RegistrationView>;

/** What can become of a device, with its names. */
export const deviceOutcomeNames = {
  waiting: { en: "Waiting", fr: "En attente" },
  submitted: { en: "With the service", fr: "Transmis au service" },
  registered: { en: "Registered", fr: "Inscrit" },
  alreadyRegistered: { en: "Registered before", fr: "Déjà inscrit" },
  deregistered: { en: "Taken out", fr: "Retiré" },
  assignedToOtherTenant: { en: "Assigned to another tenant", fr: "Affecté à un autre tenant" },
  notFound: { en: "Not found", fr: "Introuvable" },
  invalidHash: { en: "Wrong hardware hash", fr: "Hachage matériel incorrect" },
  tagMissing: { en: "Group tag missing", fr: "Balise de groupe manquante" },
  failed: { en: "Failed", fr: "Échec" },
  notSubmitted: { en: "Not sent", fr: "Non transmis" },
  cancelled: { en: "Cancelled", fr: "Annulé" },
  unknown: { en: "Unknown", fr: "Inconnu" },
} as const;
export type DeviceOutcome = keyof typeof deviceOutcomeNames;
export const deviceOutcomes = Object.keys(deviceOutcomeNames) as [
  DeviceOutcome,
  ...DeviceOutcome[],
];

/** One device of a registration as the API shows it. */
export const DeviceView = z
  .object({
    part: count.describe("The part of the list that it came in; 1 where it came as a whole"),
    row: count.describe("Which device of it, from 1"),
    serialNumber: z.string().optional(),
    groupTag: z.string().optional(),
    outcome: z.enum(deviceOutcomes),
    code: z.string().optional().describe("Stable name of the reason"),
    detail: z.string().optional(),
    serviceCode: z.int().optional().describe("The service's own number, as it came"),
    serviceError: z.string().optional().describe("The service's own name for it, as it came"),
    at: z.iso.datetime().describe("When that was so"),
    attempts: count,
  })
  .meta({ id: "RegisteredDevice" });
export type DeviceView = z.output<typeof DeviceView>;

// What a tenant has registered.

/** A registered device as the API shows it. */
export const AutopilotDeviceView = z
  .object({
    autopilotDeviceId: z.string(),
    serialNumber: z.string(),
    groupTag: z.string(),
    userPrincipalName: z.string(),
    displayName: z.string(),
    manufacturer: z.string(),
    model: z.string(),
    enrollmentState: z.string(),
    profileStatus: z.string().describe("How far its deployment profile is, in Intune's words"),
    isManaged: z.boolean().describe("Intune manages it"),
    source: z
      .enum(["partnerCenter", "elsewhere", "unknown"])
      .describe(
        "Who registered it: the partner, at Partner Center; somebody else (in Intune, another partner, its maker); unknown: Intune does not say, and Partner Center was not to be asked",
      ),
  })
  .meta({ id: "AutopilotDevice" });
export type AutopilotDeviceView = z.output<typeof AutopilotDeviceView>;

/** Path of one of them. */
export const AutopilotDevicePath = z.strictObject({
  tenantId: TenantId,
  autopilotDeviceId: Guid.describe("Id of a registered device"),
});

const Tag = Line.max(512);

/** Body of a change. */
export const DeviceChange = z
  .strictObject({
    groupTag: Tag.optional(),
    displayName: Line.max(15)
      .refine((name) => /^(?!\d+$)[A-Za-z0-9-]+$/.test(name), {
        error: "takes letters, digits and hyphens, and not digits alone",
      })
      .optional(),
    assignedUser: Line.max(200)
      .refine((user) => /^[^\s@]+@[^\s@]+$/.test(user), { error: "is no user principal name" })
      .nullable()
      .optional()
      .describe("null: nobody"),
  })
  .refine((change) => Object.keys(change).length > 0, { error: "changes nothing" });
export type DeviceChange = z.output<typeof DeviceChange>;

/** What came of a change: what Intune shows of it, and what it does not show yet. */
export const ChangedDevice = z
  .object({
    pending: z
      .array(z.enum(["groupTag", "displayName", "assignedUser"]))
      .describe("Taken, and not shown by Intune yet; empty: all of it is there"),
    device: AutopilotDeviceView.optional().describe("As Intune shows it now"),
  })
  .meta({ id: "ChangedAutopilotDevice" });
export type ChangedDevice = z.output<typeof ChangedDevice>;

const Serial = Line.min(1).max(128);

/** Body of what takes devices out. */
export const Deregistration = z.strictObject({
  serialNumbers: z.array(Serial).min(1).max(5000),
});

/** Body of a search. */
export const SerialQuestion = z.strictObject({ serialNumber: Serial });

/** What a search found; tenants that could not be asked are named. */
export const FoundDevices = z.object({
  value: z.array(AutopilotDeviceView.extend({ tenantId: z.string() })),
  unanswered: z.array(z.object({ tenantId: z.string(), code: z.string() })),
});

/** Group tags of a tenant's own, beside Microsoft Managed Desktop's. */
export const GroupTags = z
  .strictObject({
    tags: z
      .array(Tag.min(1))
      .max(500)
      .refine((tags) => new Set(tags.map((tag) => tag.toLowerCase())).size === tags.length, {
        error: "has a tag twice, in some capitals",
      })
      .describe(
        "Exactly as profiles expect them; another case in a list is an error that names the right one",
      ),
  })
  .meta({ id: "GroupTags" });

/** The partner's own lists of group tags, which hold for each of its customers. */
export const PartnerTags = z
  .strictObject({
    lists: z
      .array(
        z.strictObject({ name: Line.min(1).max(64), tags: z.array(Tag.min(1)).min(1).max(500) }),
      )
      .max(50)
      .refine((lists) => new Set(lists.map(({ name }) => name)).size === lists.length, {
        error: "has a name twice",
      })
      .refine(
        (lists) => {
          const tags = [...new Set(lists.flatMap((list) => list.tags))];
          return new Set(tags.map((tag) => tag.toLowerCase())).size === tags.length;
        },
        { error: "has a tag in two ways of writing it" },
      ),
  })
  .meta({ id: "PartnerGroupTags" });
export type PartnerTags = z.output<typeof PartnerTags>;

// Lists in parts, and for many customers.

/** How a list that is kept already is to be registered. */
export const BeginQuery = SubmitQuery.pick({ partial: true, defaultTag: true }).extend({
  backEnd: z.enum(registeringIds).optional().describe("As for one list; absent: as for one list"),
});

/** Path of one part. */
export const PartPath = RegistrationPath.extend({
  listPart: z.coerce.number().int().min(1).max(400).describe("From 1; the same again replaces it"),
});

/** Body of what submits a list in parts. */
export const SubmitParts = z.strictObject({ parts: z.int().min(1).max(400) });

/** What was found of a part. */
export const PartVerdict = z
  .object({
    part: count,
    rows: count,
    acceptedRows: count,
    errors: count,
    warnings: count,
    findings: z.array(Finding).describe("The first thousand"),
  })
  .meta({ id: "DeviceListPart" });

/** Devices of many customers. */
export const CustomerList = z.strictObject({
  devices: z
    .array(Device.extend({ customer: TenantId }))
    .min(1)
    .max(5000),
});

/** Path of a report. */
export const ReportPath = z.strictObject({
  reportId: z
    .string()
    .regex(/^[0-9a-z]{22}$/, "is not a report's id")
    .describe("Id of a report"),
});

/** What became of a list for many customers. */
export const CustomersReport = z
  .object({
    reportId: z.string().describe("GET /api/v1/registrations/{reportId} reads it anew"),
    final: z.boolean().describe("All of its registrations have ended"),
    summary: z
      .object({
        customers: count,
        rows: count,
        refused: count.describe("Rows of customers for whom nothing is registered"),
        waiting: count,
        submitted: count,
        registered: count,
        failed: count,
        notSubmitted: count,
        cancelled: count,
        unknown: count,
      })
      .describe("All behind rows add up to it"),
    customers: z.array(
      z.object({
        customer: z.string().describe("As the list has it"),
        rows: count,
        registration: RegistrationView.optional(),
        code: z.string().optional().describe("Why nothing of theirs is registered: a problem code"),
        detail: z.string().optional(),
        errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
      }),
    ),
  })
  .meta({ id: "CustomersReport" });
