/** What the relay reads from AdminService, and whether it is that of its own site. */
import type { Log } from "../base/log.ts";
import { operationsReader } from "./operations.ts";
import { isPresent, isSet, odataReader, SiteUnreadable } from "./reads.ts";
import { recordOf, type Transport, wordsOf } from "./transport.ts";

/** The site's AdminService, for reading. */
export type SiteReader = ReturnType<typeof siteReader>;

const isOwn = (given: unknown): boolean => wordsOf(given).body.kind !== "foreign";

/** What an account that may not see sites is answered. */
const unseen = new Set([400, 403, 404]);

/** Reads from AdminService over a transport, below `base`. @throws SiteUnreadable when it does not answer. */
export function siteReader(transport: Transport, base: string) {
  const reads = odataReader(transport, base);
  return {
    list: reads.list,
    ...operationsReader(reads),
    /** The exit code of a script on a device; undefined until the device has reported. */
    scriptExitCode: async (id: number, resourceId: number): Promise<number | undefined> => {
      const filter = `ClientOperationId eq ${id} and ResourceId eq ${resourceId}`;
      const [row] = await reads.list(`/wmi/SMS_ScriptsExecutionStatus?$filter=${filter}`);
      // A row without a number is a script that has not ended.
      const code = row?.["ScriptExitCode"];
      return typeof code === "number" ? code : undefined;
    },
    /** Whether a device has answered a CMPivot query, and how. */
    pivotResult: async (id: number, resourceId: number): Promise<"none" | "done" | "failed"> => {
      const path = `/v1.0/Device(${resourceId})/AdminService.CMPivotResult(OperationId=${id})`;
      const result = await reads.one(path);
      if (result === undefined) return "none";
      return "Error" in recordOf(result["value"]) ? "failed" : "done";
    },
    /** Whether a client runs on a system, as the site lists it; undefined when it lists no such system. */
    hasClient: async (resourceId: number): Promise<boolean | undefined> => {
      const select = "ResourceId,Client,Obsolete,Decommissioned";
      const path = `/wmi/SMS_R_System?$filter=ResourceId eq ${resourceId}&$select=${select}`;
      const rows = await reads.list(path);
      const row = rows.find((each) => each["ResourceId"] === resourceId && isPresent(each));
      return row && isSet(row["Client"]);
    },
    /** Codes of the sites that AdminService speaks for; undefined when the account may not see them. */
    siteCodes: async (): Promise<readonly string[] | undefined> => {
      const path = "/wmi/SMS_Site?$select=SiteCode";
      const answer = await transport({ method: "GET", path });
      if (answer.kind === "answer" && unseen.has(answer.status) && isOwn(answer.body))
        return undefined;
      return (await reads.list(path)).map((row) => String(row["SiteCode"]).toUpperCase());
    },
  };
}

// Makes sure that AdminService is that of our site: elsewhere the same resource ids are other devices.

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
