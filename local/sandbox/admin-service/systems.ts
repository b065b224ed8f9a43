/** `SMS_R_System`: the site's clients; and `SMS_Site`, the site itself. */

import { guidFamily } from "../fleet/guids.ts";
import type { Tenant } from "../fleet/tenants.ts";
import { deviceName, osVersion, userPrincipalName } from "../graph/devices/device-facts.ts";
import { list, refused, type SiteHandler } from "./exchange.ts";
import { chosen, fits, type Row, readQuery } from "./odata.ts";
import { isClient, positionOf, resourceIdOf, siteCode } from "./site.ts";

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
];

/** Answers the systems in the order of their ids. */
export const listSystems: SiteHandler = ({ tenant, query }) => {
  const asked = readQuery(query, properties);
  if (typeof asked === "string") return refused(400, asked);
  const rows: Row[] = [];
  const { fleet } = tenant;
  const after = asked.conditions.find(
    ({ name, operator }) => name === "ResourceId" && operator === "gt",
  );
  // Whoever pages through 100,000 systems must not make us look at all of them for each page.
  const first = Math.max(0, positionOf(after?.value ?? 0));
  for (let index = first; index < fleet.size() && rows.length < asked.top; index += 1) {
    if (!isClient(fleet, index)) continue;
    const row = systemRow(tenant, index);
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

function systemRow(tenant: Tenant, index: number): Row {
  return {
    ResourceId: resourceIdOf(index),
    Name: deviceName(tenant, index),
    OperatingSystemNameandVersion: "Microsoft Windows NT Workstation 10.0",
    Build: osVersion(tenant, index),
    AADDeviceID: tenant.families.entraDevices.at(index),
    SMSUniqueIdentifier: `GUID:${guidFamily(tenant.fleet.seed).at(index).toUpperCase()}`,
    UserPrincipalName: userPrincipalName(tenant, index),
    Client: 1,
    Obsolete: 0,
  };
}
