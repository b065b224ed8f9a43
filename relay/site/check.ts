/** Makes sure that AdminService is that of our site: elsewhere the same resource ids are other devices. */

import type { Log } from "../base/log.ts";
import type { SiteReader } from "./admin-service.ts";
import { SiteUnreadable } from "./reads.ts";

/** Looks once; answers at once after that. @throws SiteUnreadable when it is another site's, or does not answer. */
export function siteCheck(
  site: Pick<SiteReader, "siteCodes">,
  siteCode: string,
  log: Log,
): () => Promise<void> {
  let checked = false;
  return async () => {
    if (checked) return;
    const codes = await site.siteCodes();
    if (codes === undefined || codes.length === 0) log("site.unseen", { siteCode });
    else if (!codes.includes(siteCode))
      throw new SiteUnreadable(`this AdminService is of ${codes.join(", ")}, not of ${siteCode}`);
    checked = true;
  };
}
