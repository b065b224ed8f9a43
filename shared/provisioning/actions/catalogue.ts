/** Every type of action that a template may have, in one table: the device catalogue's, and what only runs do. Pure. */
import * as z from "zod";
import { actionPermissions, type Permission } from "../../access/roles/roles.ts";
import { type Action, graphRoutes, type Route } from "../../devices/actions/action.ts";
import { catalogue } from "../../devices/actions/catalogue.ts";
import type { Platform } from "../../devices/directory/device.ts";
import { durationMs } from "../../kernel/clock.ts";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { Guid } from "../../kernel/values.ts";
import { type SectionId, sectionIds } from "../templates/template.ts";
import type { ActionType } from "./action-type.ts";
import { Condition } from "./condition.ts";

/** Where the device itself must answer: its system runs, and Intune manages it. */
const whileItRuns: readonly SectionId[] = [
  "systemMigration",
  "postOsInstallation",
  "systemConfiguration",
];
const windows: readonly Platform[] = ["windows"];
const everyPlatform: readonly Platform[] = ["windows", "macOS", "iOS", "android"];
const none = z.strictObject({});

/** A parameter with what people call it: a member `name` of its description. */
const called = <S extends z.ZodType>(en: string, fr: string, schema: S): S =>
  schema.meta({ name: { en, fr } });

// What is asked of the device catalogue, by those of its routes that go through Graph.

const approximate = z.strictObject({
  allowApproximate: called(
    "Also by a route that does not quite do it",
    "Aussi par une voie qui ne le fait pas tout à fait",
    z
      .boolean()
      .default(false)
      .describe("True: also by a route that does not quite do what the action promises"),
  ),
});

/** What runs ask of catalogue actions beside what notifications do. */
const ownParameters: Readonly<Record<string, ActionType["parameters"]>> = {
  runScript: z.strictObject({
    remediationScriptId: called(
      "Id of the Intune remediation",
      "Id de la correction Intune",
      Guid.describe("Intune remediation (deviceHealthScript)"),
    ),
  }),
  restart: z.strictObject({
    allowApproximate: approximate.shape.allowApproximate,
    waitUntilBack: called(
      "Wait until the device is back",
      "Attendre le retour de l’appareil",
      z.boolean().default(true).describe("Done only when the device was seen since"),
    ),
  }),
};

const routeWords: Readonly<Record<Route["id"], string>> = {
  intune: "Intune's remote action",
  configMgrAction: "Intune, which passes it on to the site of a co-managed device",
  remediation: "an Intune remediation that runs on demand; the output is kept",
  adminService: "the relay",
};

function fromCatalogue(action: Action): ActionType {
  const routes = graphRoutes(action);
  const approximates = routes.some(({ fidelity }) => fidelity === "approximate");
  const words = [...new Set(routes.map(({ id }) => routeWords[id]))].join("; or ");
  return {
    id: action.id,
    name: action.name,
    sections: whileItRuns,
    platforms: [...new Set(routes.flatMap(({ platforms }) => platforms))],
    route:
      words || "none: only a ConfigMgr site can do it. Send it as a notification, by the relay",
    parameters: ownParameters[action.id] ?? (approximates ? approximate : none),
    guarded: !action.repeatable,
    permissions: actionPermissions[action.permission],
  };
}

// What only runs do.

type Own = Pick<ActionType, "id" | "route"> & Partial<ActionType>;

const own = (en: string, fr: string, { id, route, ...rest }: Own): ActionType => ({
  id,
  name: { en, fr },
  sections: whileItRuns,
  platforms: everyPlatform,
  route,
  parameters: none,
  guarded: false,
  permissions: [],
  ...rest,
});

const manage: readonly Permission[] = ["devices.manage"];
const changeRegistered: readonly Permission[] = ["registration.manage"];
const groupId = called(
  "Object id of the Entra group",
  "Id d’objet du groupe Entra",
  Guid.describe("Object id of an Entra group with assigned members"),
);
const inGroup = z.strictObject({ groupId });

/** Longest wait of its own; a condition is waited for until its action's time-out. */
const maxWaitMs = 30 * 24 * 3_600_000;
const duration = called(
  "How long (such as PT15M)",
  "Durée (par exemple PT15M)",
  z
    .string()
    .max(40)
    .refine((text) => (durationMs(text) ?? 0) > 0 && (durationMs(text) ?? 0) <= maxWaitMs, {
      error: "must be an ISO 8601 duration up to P30D, such as PT15M",
    })
    .meta({ format: "duration" }),
);

const waits: readonly ActionType[] = [
  own("Wait", "Attendre", {
    id: "wait",
    sections: sectionIds,
    route: "nobody is asked",
    parameters: z.strictObject({ duration }),
  }),
  own("Wait for check-in", "Attendre la connexion de l’appareil", {
    id: "waitForCheckIn",
    sections: sectionIds,
    route: "Intune's list of devices, read once for all that wait: done when the device was seen",
  }),
  own("Wait until", "Attendre une condition", {
    id: "waitUntil",
    sections: sectionIds,
    route:
      "Intune's and Autopilot's lists of devices and the members of groups, read once for all that wait",
    parameters: z.strictObject({
      conditions: called(
        "Conditions, all of which must hold",
        "Conditions, qui doivent toutes être remplies",
        z.array(Condition).min(1).max(10).describe("All of them must hold"),
      ),
    }),
  }),
];

const resets: readonly ActionType[] = [
  own("Autopilot Reset", "Réinitialisation Autopilot", {
    id: "autopilotReset",
    sections: ["osInstallation"],
    platforms: windows,
    route:
      "Intune's wipe that keeps the enrolment: Graph documents no call for Autopilot Reset itself. Only devices that are joined to Entra alone",
    guarded: true,
    permissions: manage,
  }),
  own("Fresh Start", "Nouveau départ", {
    id: "freshStart",
    sections: ["osInstallation"],
    platforms: windows,
    route: "Intune's cleanWindowsDevice: Windows anew, without the programs of its maker",
    parameters: z.strictObject({
      keepUserData: called(
        "Keep the user’s data",
        "Conserver les données de l’utilisateur",
        z.boolean().default(false),
      ),
    }),
    guarded: true,
    permissions: manage,
  }),
];

/** 15 characters is what NetBIOS has; the other platforms take more, and nobody says how many. */
const deviceName = called(
  "Device name",
  "Nom de l’appareil",
  z
    .string()
    .regex(/^[A-Za-z0-9-]{1,63}$/, "must be 1 to 63 letters, digits and hyphens")
    .refine((name) => !/^\d+$/.test(name), "must not be digits alone"),
);

const onTheDevice: readonly ActionType[] = [
  own("Rename device", "Renommer l’appareil", {
    id: "renameDevice",
    route:
      "Intune's setDeviceName. Windows takes the name at its next restart, and not where it is hybrid joined; Apple devices must be supervised",
    parameters: z.strictObject({ deviceName }),
    permissions: manage,
  }),
  own("Rotate BitLocker keys", "Renouveler les clés BitLocker", {
    id: "rotateBitLockerKeys",
    platforms: windows,
    route: "Intune's remote action; the tenant must allow rotation by policy",
    permissions: manage,
  }),
  own("Rotate local admin password", "Renouveler le mot de passe administrateur local", {
    id: "rotateLocalAdminPassword",
    platforms: windows,
    route: "Intune's remote action; the device must have a policy for Windows LAPS",
    permissions: manage,
  }),
  own("Message to the user", "Message à l’utilisateur", {
    id: "messageToUser",
    platforms: ["iOS", "android"],
    route:
      "a custom notification of the Company Portal. Graph has no way to reach the user of a Windows device or of a Mac",
    parameters: z.strictObject({
      title: called("Title", "Titre", Line.trim().min(1).max(50)),
      body: called("Message", "Message", Prose.trim().min(1).max(500)),
    }),
    guarded: true,
    permissions: ["devices.notifyResource"],
  }),
];

const inTheDirectory: readonly ActionType[] = [
  own("Add to group", "Ajouter au groupe", {
    id: "addToGroup",
    sections: sectionIds,
    route: "Entra: the device becomes a member of the group",
    parameters: inGroup,
    permissions: manage,
  }),
  own("Remove from group", "Retirer du groupe", {
    id: "removeFromGroup",
    sections: sectionIds,
    route: "Entra: the device is a member of the group no longer",
    parameters: inGroup,
    permissions: manage,
  }),
  own("Assign Autopilot profile", "Affecter le profil Autopilot", {
    id: "assignAutopilotProfile",
    sections: sectionIds,
    platforms: windows,
    route:
      "Entra, then Autopilot's list: profiles are assigned to groups alone, so the device becomes a member of one, and is done when Autopilot shows a profile assigned",
    parameters: inGroup,
    permissions: [...manage, ...changeRegistered],
  }),
  own("Assign Autopilot user", "Affecter l’utilisateur Autopilot", {
    id: "assignAutopilotUser",
    sections: sectionIds,
    platforms: windows,
    route: "Autopilot's assignUserToDevice; the device must be registered",
    parameters: z.strictObject({
      userPrincipalName: called(
        "User (UPN)",
        "Utilisateur (UPN)",
        Line.min(3).max(256).includes("@"),
      ),
      addressableUserName: called(
        "Name that greets the user",
        "Nom qui accueille l’utilisateur",
        Line.min(1).max(256).optional(),
      ),
    }),
    permissions: changeRegistered,
  }),
  own("Unassign Autopilot user", "Retirer l’utilisateur Autopilot", {
    id: "unassignAutopilotUser",
    sections: sectionIds,
    platforms: windows,
    route:
      "Autopilot's unassignUserFromDevice; the device must be registered. Before a reset, so that it greets nobody who had it",
    permissions: changeRegistered,
  }),
  own("Set group tag", "Définir la balise de groupe", {
    id: "setGroupTag",
    sections: sectionIds,
    platforms: windows,
    route: "Autopilot's updateDeviceProperties; the device must be registered",
    parameters: z.strictObject({
      groupTag: called("Group tag", "Balise de groupe", Line.max(128)),
    }),
    permissions: changeRegistered,
  }),
];

/** All types, in the order of people's lists. */
export const actionTypes: readonly ActionType[] = [
  ...waits,
  ...catalogue.map(fromCatalogue),
  ...onTheDevice,
  ...inTheDirectory,
  ...resets,
];

const byId = new Map(actionTypes.map((type) => [type.id, type]));

/** The type with an id, or undefined. */
export const findActionType = (id: string): ActionType | undefined => byId.get(id);
