/** The state of a timer between runs, in the blob where the Functions host keeps it too. */
import type { ContainerClient } from "@azure/storage-blob";
import { storageStatus } from "./storage-accounts.ts";
import type { TimerStatus } from "./timer-plan.ts";

export type TimerMonitor = {
  readonly read: () => Promise<TimerStatus | undefined>;
  readonly write: (status: TimerStatus) => Promise<void>;
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
      const text = JSON.stringify(statusText(status));
      await blob.upload(text, Buffer.byteLength(text));
    },
  };
}

/** A status as functions and the blob see it. */
export const statusText = ({ last, next, lastUpdated }: TimerStatus) => ({
  Last: last === 0 ? "0001-01-01T00:00:00+00:00" : instant(last),
  Next: instant(next),
  LastUpdated: instant(lastUpdated),
});

const instant = (ms: number): string => new Date(ms).toISOString().replace("Z", "+00:00");

function parseStatus(text: string): TimerStatus | undefined {
  const { Last, Next, LastUpdated } = JSON.parse(text) as Record<string, string>;
  const [last, next, lastUpdated] = [Last, Next, LastUpdated].map((value) =>
    Date.parse(value ?? ""),
  );
  if (!next || Number.isNaN(next)) return undefined;
  return { last: Math.max(0, last || 0), next, lastUpdated: lastUpdated || 0 };
}
