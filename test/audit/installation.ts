/** An audit trail on an Azurite of its own, the hands of somebody who may write its table, and the command. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAzurite } from "../../local/start/azurite.ts";
import {
  type AuditEvent,
  extend,
  genesis,
  type Head,
  headKey,
  headRow,
  keyOf,
  type Link,
  linkOf,
  recordRow,
} from "../../shared/access/audit/records.ts";
import { auditTrail } from "../../shared/access/audit/trail.ts";
import { systemClock, toIso } from "../../shared/kernel/clock.ts";
import { randomId } from "../../shared/kernel/values.ts";
import { tableNames } from "../../shared/storage/names.ts";
import { openStorage } from "../../shared/storage/storage.ts";
import { noon, writing } from "../shared/access/tables.ts";

const program = fileURLToPath(new URL("../../audit/main.ts", import.meta.url));

/** Partition of a tenant's records in the tests' month. */
const partitionOf = (tenantId: string): string => `${tenantId}|2026-08`;

/** How the command ended, and what it said. */
export type Ended = { readonly code: number; readonly said: string; readonly complained: string };

/** Starts it. */
export async function startInstallation() {
  const home = mkdtempSync(join(tmpdir(), "muster-audit-"));
  const azurite = await startAzurite({});
  const value = azurite.connectionString;
  const { tables } = await openStorage({ kind: "connectionString", value }, systemClock);
  const anchors: string[] = [];
  const anchor = (partition: string, { sequence, hash }: Head): void =>
    void anchors.push(
      `2026-08-10T12:00:00.000Z ${JSON.stringify({ event: "audit.anchor", partition, sequence, hash })}`,
    );
  const trail = auditTrail({ tables, ...writing, anchor });
  const linkAt = async (tenantId: string, sequence: number): Promise<Link> => {
    const row = await tables.get(tableNames.audit, partitionOf(tenantId), keyOf(sequence));
    if (row === undefined) throw new Error(`no record ${sequence}`);
    return linkOf(row);
  };
  return {
    connectionString: value,
    home,
    anchors,
    /** Lines of the log from a position on, and one that is about something else, in a file. */
    anchorFile: (lines: readonly string[]): string => {
      const path = join(home, `${randomId()}.log`);
      writeFileSync(path, `2026-08-10T12:00:00.000Z {"event":"tenant.add"}\n${lines.join("\n")}\n`);
      return path;
    },
    /** A tenant with so many records. */
    tenantWith: async (records: number): Promise<string> => {
      const tenantId = randomUUID();
      for (let n = 1; n <= records; n += 1) await trail.append(eventOf(tenantId, n));
      return tenantId;
    },
    append: (tenantId: string, n: number) => trail.append(eventOf(tenantId, n)),
    linkAt,
    /** Writes a record, whatever was there. */
    put: (tenantId: string, link: Link) =>
      tables.put(tableNames.audit, recordRow(partitionOf(tenantId), link)),
    /** Writes it under a key of one's own choice. */
    putAt: (tenantId: string, rowKey: string, link: Link) =>
      tables.put(tableNames.audit, { ...recordRow(partitionOf(tenantId), link), rowKey }),
    putHead: (tenantId: string, head: Head) =>
      tables.put(tableNames.audit, headRow(partitionOf(tenantId), head, "forged")),
    remove: (tenantId: string, sequence: number) =>
      tables.remove(tableNames.audit, partitionOf(tenantId), keyOf(sequence)),
    removeHead: (tenantId: string) =>
      tables.remove(tableNames.audit, partitionOf(tenantId), headKey),
    /** Computes the whole chain anew, with other texts where they are given. */
    rewrite: async (tenantId: string, records: number, other: Readonly<Record<number, string>>) => {
      const texts: string[] = [];
      for (let n = 1; n <= records; n += 1)
        texts.push(other[n] ?? (await linkAt(tenantId, n)).text);
      const links = extend(genesis(partitionOf(tenantId)), texts);
      for (const link of links)
        await tables.put(tableNames.audit, recordRow(partitionOf(tenantId), link));
      await tables.put(
        tableNames.audit,
        headRow(partitionOf(tenantId), links.at(-1) as Link, "forged"),
      );
    },
    run: (args: readonly string[], env: Record<string, string> = {}) =>
      run(args, { AzureWebJobsStorage: value, ...env }),
    stop: async (): Promise<void> => {
      await azurite.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
export type Installation = Awaited<ReturnType<typeof startInstallation>>;

/** A record's event; its text says which one it is. */
export const eventOf = (tenantId: string, n: number): AuditEvent => ({
  eventId: randomId(),
  at: toIso(noon + n * 1000),
  actor: { kind: "user", id: "ana" },
  operation: "tenants-change",
  tenantId,
  outcome: "allowed",
  requestId: `r${n}`,
});

/** Runs the command with these settings alone. */
export const run = (
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { PATH: process.env["PATH"] ?? "", ...settings };
    execFile(process.execPath, [program, ...args], { env }, (error, said, complained) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, said, complained }),
    );
  });
