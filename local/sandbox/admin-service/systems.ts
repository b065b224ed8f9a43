/** `SMS_R_System`: the systems that the site knows, with a client or without; and `SMS_Site`, the site itself. */

import { guidFamily } from "../fleet/guids.ts";
import type { Tenant } from "../fleet/tenants.ts";
import { deviceName, osVersion, userPrincipalName } from "../graph/devices/device-facts.ts";
import { list, refused, type SiteHandler } from "./exchange.ts";
import { chosen, fits, type Row, readQuery } from "./odata.ts";
import { isClient, isSystem, positionOf, resourceIdOf, siteCode } from "./site.ts";

const properties = [
  "ResourceId",
  "Name",
  "OperatingSystemNameandVersion",
  "Build",
  "AADDeviceID",
  "SMSUniqueIdentifier",
  "UserPrincipalName",
  "Client",
  "Obsolete",
  "Decommissioned",
];

/** Answers the systems in the order of their ids. */
export const listSystems: SiteHandler = ({ tenant, query, now }) => {
  const asked = readQuery(query, properties);
  if (typeof asked === "string") return refused(400, asked);
  const rows: Row[] = [];
  const { fleet } = tenant;
  const after = asked.conditions.find(
    ({ name, operator }) => name === "ResourceId" && (operator === "gt" || operator === "eq"),
  );
  // Whoever pages through 100,000 systems, or asks for one, must not make us look at all of them each time.
  const first = Math.max(0, positionOf(after?.value ?? 0));
  const size = after?.operator === "eq" ? Math.min(fleet.size(), first + 1) : fleet.size();
  for (let index = first; index < size && rows.length < asked.top; index += 1) {
    if (!isSystem(fleet, index)) continue;
    const row = systemRow(tenant, index, now);
    if (fits(asked, row)) rows.push(chosen(asked, row));
  }
  return list(rows);
};

/** Answers the one site there is. */
export const listSites: SiteHandler = ({ query }) => {
  const asked = readQuery(query, ["SiteCode", "SiteName", "Type"]);
  if (typeof asked === "string") return refused(400, asked);
  return list([chosen(asked, { SiteCode: siteCode, SiteName: "Primary", Type: 2 })]);
};

/** What the site has only found has no values of a client's, not even zeros. */
function systemRow(tenant: Tenant, index: number, now: number): Row {
  const client = isClient(tenant, index, now);
  return {
    ResourceId: resourceIdOf(index),
    Name: deviceName(tenant, index),
    OperatingSystemNameandVersion: "Microsoft Windows NT Workstation 10.0",
    Build: osVersion(tenant, index),
    AADDeviceID: tenant.families.entraDevices.at(index),
    SMSUniqueIdentifier: !client
      ? null
      : `GUID:${guidFamily(tenant.fleet.seed).at(index).toUpperCase()}`,
    UserPrincipalName: userPrincipalName(tenant, index),
    Client: client ? 1 : null,
    Obsolete: client ? 0 : null,
    Decommissioned: 0,
  };
}
