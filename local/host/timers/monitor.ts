/** The state of a timer between runs, in the blob where the Functions host keeps it too. */
import type { ContainerClient } from "@azure/storage-blob";
import type { Schedule } from "../app/ncrontab.ts";
import { storageStatus } from "../app/storage-accounts.ts";
import type { TimerStatus } from "./plan.ts";

export type TimerMonitor = {
  readonly read: () => Promise<TimerStatus | undefined>;
  readonly write: (status: StatusText) => Promise<void>;
};

export function timerMonitor(
  container: ContainerClient,
  hostId: string,
  functionName: string,
): TimerMonitor {
  const blob = container.getBlockBlobClient(
    `timers/${hostId}/Host.Functions.${functionName}/status`,
  );
  return {
    async read() {
      try {
        return parseStatus((await blob.downloadToBuffer()).toString("utf8"));
      } catch (error) {
        if (storageStatus(error) === 404) return undefined;
        throw error;
      }
    },
    async write(status) {
      const text = JSON.stringify(status);
      await blob.upload(text, Buffer.byteLength(text));
    },
  };
}

/** A status as functions and the blob see it. */
export type StatusText = Readonly<Record<"Last" | "Next" | "LastUpdated", string>>;

/** Writes a status on the clock of its schedule; what never was, as .NET's first instant. */
export function statusText(
  { last, next, lastUpdated }: TimerStatus,
  schedule: Schedule,
): StatusText {
  const text = (ms: number): string => (ms === 0 ? "0001-01-01T00:00:00+00:00" : schedule.text(ms));
  return { Last: text(last), Next: text(next), LastUpdated: text(lastUpdated) };
}

function parseStatus(text: string): TimerStatus | undefined {
  const { Last, Next, LastUpdated } = JSON.parse(text) as Record<string, string>;
  const [last, next, lastUpdated] = [Last, Next, LastUpdated].map((value) =>
    Date.parse(value ?? ""),
  );
  if (!next || Number.isNaN(next)) return undefined;
  return { last: Math.max(0, last || 0), next, lastUpdated: Math.max(0, lastUpdated || 0) };
}
