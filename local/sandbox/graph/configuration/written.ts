/** What the services make of what was sent: defaults filled in, ids given, dates and versions moved. */
import {
  applicationDefaults,
  conditionDefaults,
  grantDefaults,
  userDefaults,
} from "./seeds/entra.ts";
import { isBody, partsOf } from "./shown.ts";
import type { Body, ConfigurationSort } from "./types.ts";

/** Read-only wherever it stands: taken without a word, and not kept. */
const ignored = new Set([
  "id",
  "settingCount",
  "isAssigned",
  "supportsScopeTags",
  "createdDateTime",
  "modifiedDateTime",
  "lastModifiedDateTime",
  "deletedDateTime",
  "version",
]);

/** What is kept of a body that was sent. */
export function kept(sort: ConfigurationSort, sent: Body): Body {
  const entries = Object.entries(sent).filter(
    ([name]) =>
      !name.startsWith("_") &&
      (name === "@odata.type" || !name.includes("@odata.")) &&
      (!ignored.has(name) || name === sort.idFrom),
  );
  return completed(sort, Object.fromEntries(entries));
}

/** Dates and versions of a write. */
export function stamped(sort: ConfigurationSort, before: Body | undefined, now: number): Body {
  const time = new Date(now).toISOString().replace("Z", "0000Z");
  const values: Readonly<Record<ConfigurationSort["stamps"][number], unknown>> = {
    createdDateTime: before === undefined ? time : before["createdDateTime"],
    // A policy that was never changed has no date of a change.
    modifiedDateTime: before === undefined ? null : time,
    lastModifiedDateTime: time,
    version: before === undefined ? 1 : Number(before["version"] ?? 0) + 1,
  };
  return Object.fromEntries(sort.stamps.map((name) => [name, values[name]]));
}

/** Assignments as Intune gives them back. */
export const assignmentsOf = (policyId: string, sent: readonly Body[]): readonly Body[] =>
  sent.map(({ target }) => {
    const filled = {
      deviceAndAppManagementAssignmentFilterId: null,
      deviceAndAppManagementAssignmentFilterType: "none",
      ...(isBody(target) ? target : {}),
    } as Body;
    const everybody = String(filled["@odata.type"]).includes("allDevices")
      ? "adadadad-808e-44e2-905a-0b7873a8a531"
      : "acacacac-9df4-4c7d-9d50-4ef0226f57a9";
    const id = `${policyId}_${typeof filled["groupId"] === "string" ? filled["groupId"] : everybody}`;
    return { id, source: "direct", sourceId: policyId, target: filled };
  });

/** Rules for devices out of compliance, with the ids that the service gives them; names and empty ids it does not keep. */
export const scheduledRules = (rules: readonly Body[], newId: () => string): readonly Body[] =>
  rules.map((rule) => ({
    id: newId(),
    ruleName: null,
    scheduledActionConfigurations: partsOf(rule, "scheduledActionConfigurations").map((action) => ({
      notificationMessageCCList: [],
      ...action,
      notificationTemplateId:
        action["notificationTemplateId"] || "00000000-0000-0000-0000-000000000000",
      id: newId(),
    })),
  }));

function completed(sort: ConfigurationSort, body: Body): Body {
  switch (sort.key) {
    case "conditionalAccessPolicy":
      return completedPolicy(body);
    case "configurationPolicy":
      if (body["settings"] === undefined) return body;
      return {
        ...body,
        settings: partsOf(body, "settings").map((one, at) => ({ ...one, id: String(at) })),
      };
    case "deviceConfiguration":
      return body["omaSettings"] === undefined
        ? body
        : { ...body, omaSettings: partsOf(body, "omaSettings").map(sealed) };
    default:
      return body;
  }
}

/** A text of an OMA setting is a secret: what comes back is a placeholder and where the secret is. */
const sealed = (setting: Body): Body =>
  String(setting["@odata.type"]).endsWith("omaSettingString")
    ? {
        description: null,
        ...setting,
        isEncrypted: true,
        value: "****",
        secretReferenceValueId: `secret_${String(setting["omaUri"])}`,
      }
    : { description: null, isEncrypted: false, secretReferenceValueId: null, ...setting };

const within = (value: unknown, defaults: Body): Body => ({
  ...defaults,
  ...(isBody(value) ? value : {}),
});

function completedPolicy(body: Body): Body {
  const { conditions, grantControls } = body;
  const result: Body = { ...body };
  if (isBody(conditions))
    result["conditions"] = {
      ...within(conditions, conditionDefaults),
      users: within(conditions["users"], userDefaults),
      applications: within(conditions["applications"], applicationDefaults),
    };
  if (isBody(grantControls)) {
    const {
      "authenticationStrength@odata.context": _,
      authenticationStrength: strength,
      ...rest
    } = grantControls;
    const named = isBody(strength) ? { id: strength["id"] } : null;
    result["grantControls"] = { ...grantDefaults, ...rest, authenticationStrength: named };
  }
  return result;
}
