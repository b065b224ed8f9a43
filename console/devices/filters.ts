/**
 * Filters of the list of devices: what the address says, what the list is asked for by it, and the rule that finds the same
 * devices, so that an action for "all that match" hits what is shown and nothing else.
 */
import type { Rule } from "../../shared/devices/collections/collection.ts";
import type { deviceListScreen, managedBy } from "./screens.ts";
import type { Text } from "./text.ts";

/** The filters of an address. */
export type Filters = Pick<
  ReturnType<typeof deviceListScreen.useSearch>,
  "search" | "os" | "compliance" | "managed" | "tag" | "seen"
>;
/** Their names. */
export const filterNames = ["search", "os", "compliance", "managed", "tag", "seen"] as const;

/** Whether anything is filtered. */
export const isFiltered = (filters: Filters): boolean =>
  filterNames.some((name) => filters[name] !== undefined);

/** Days ago, as the API takes them. */
function spanOf(seen: Filters["seen"]) {
  const [, side, days] = /^(since|before)(\d+)$/.exec(seen ?? "") ?? [];
  return { side, duration: days === undefined ? undefined : `P${days}D` };
}

/** What the list is asked for. */
export function queryOf({ search, os, compliance, managed, tag, seen }: Filters) {
  const { side, duration } = spanOf(seen);
  return {
    search,
    operatingSystem: os,
    complianceState: compliance,
    management: managed,
    groupTag: tag,
    lastSyncBefore: side === "before" ? duration : undefined,
    lastSyncAfter: side === "since" ? duration : undefined,
  };
}

/** Graph's agents behind each word for who manages a device (`shared/devices/directory/device.ts`). */
const agents: Readonly<Record<(typeof managedBy)[number], readonly [string, ...string[]]>> = {
  intune: [
    "mdm",
    "easMdm",
    "intuneClient",
    "easIntuneClient",
    "googleCloudDevicePolicyController",
    "microsoft365ManagedMdm",
  ],
  coManaged: ["configurationManagerClientMdm", "configurationManagerClientMdmEas"],
  configMgrOnly: ["configurationManagerClient"],
  discovered: ["configMgrDiscovery"],
};

/** The rule that finds the same devices; undefined where nothing is filtered. */
export function ruleOf({ search, os, compliance, managed, tag, seen }: Filters): Rule | undefined {
  const { side, duration } = spanOf(seen);
  const rules: Rule[] = [];
  if (search !== undefined) rules.push({ property: "text", operator: "contains", value: search });
  if (os !== undefined) rules.push({ property: "operatingSystem", operator: "equals", value: os });
  if (compliance !== undefined)
    rules.push({ property: "complianceState", operator: "equals", value: compliance });
  if (managed !== undefined)
    rules.push({ property: "managementAgent", operator: "in", value: [...agents[managed]] });
  if (tag !== undefined) rules.push({ property: "groupTag", operator: "equals", value: tag });
  if (duration !== undefined)
    rules.push({
      property: "lastSyncDateTime",
      operator: side === "before" ? "olderThan" : "newerThan",
      value: duration,
    });
  return rules.length === 0 ? undefined : { and: rules };
}

/** The filters in words. */
export function filterWords(filters: Filters, t: Text): string {
  const { managed, seen, ...plain } = filters;
  const words = [
    plain.search && t("devices.is", { what: t("devices.search"), value: plain.search }),
    plain.os && t("devices.is", { what: t("devices.os"), value: plain.os }),
    plain.compliance && t("devices.is", { what: t("devices.compliance"), value: plain.compliance }),
    managed &&
      t("devices.is", { what: t("devices.managed"), value: t(`devices.managed.${managed}`) }),
    plain.tag && t("devices.is", { what: t("devices.tag"), value: plain.tag }),
    seen && t("devices.is", { what: t("devices.seen"), value: t(`devices.seen.${seen}`) }),
  ];
  return words.filter(Boolean).join(", ");
}
