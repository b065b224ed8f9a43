/** A registration: devices on their way into Windows Autopilot. What such a job adds to any other. Pure. */
import * as z from "zod";
import { type Counts, emptyCounts } from "../../fanout/state/item.ts";
import { type Job, wordFor } from "../../fanout/state/job.ts";
import type { WebhookEvent } from "../../webhooks/webhook.ts";
import { Piece } from "./hardware.ts";

/** Back ends that register devices. */
export const registeringIds = ["graph", "partnerCenter", "corporateIdentifiers"] as const;
/** Those, and the one that takes devices out. */
export const backEndIds = [...registeringIds, "deregister"] as const;
export type BackEndId = (typeof backEndIds)[number];

/** What rules that ask for a second person call registrations. */
export const registrationActions = ["register", "deregister"] as const;

/** What a registration's row holds beside what every job's does. Nothing of it says which devices they are. */
export const RegistrationSpec = z.object({
  backEnd: z.enum(backEndIds),
  /** The job that keeps the devices: this one, or the one that it repeats. */
  source: z.string(),
  pieces: z.array(Piece).readonly(),
  rows: z.number(),
  /** The list as it came. */
  bytes: z.number(),
  sha256: z.string(),
  /** Rows with faults were left out, as the caller wanted it. */
  partial: z.boolean(),
  /** Group tags of the list; an item's route is its tag's place here, -1 without one. */
  tags: z.array(z.string()).readonly(),
  /** The batch of rows without a group tag, where the caller named one. */
  defaultTag: z.string().exactOptional(),
  retryOf: z.string().exactOptional(),
});

/** Everything that was asked for, and what became of it as a whole. */
export type Registration = Job & Readonly<z.output<typeof RegistrationSpec>>;

/** How a registration appears, with its names. */
export const registrationStateNames = {
  received: { en: "Received", fr: "Reçue" },
  checked: { en: "Checked", fr: "Vérifiée" },
  waitingForApproval: { en: "Waiting for approval", fr: "En attente d'approbation" },
  submitting: { en: "Being sent", fr: "Envoi en cours" },
  polling: { en: "Waiting for the service", fr: "Attente du service" },
  paused: { en: "Paused", fr: "Suspendue" },
  cancelling: { en: "Being cancelled", fr: "Annulation en cours" },
  failing: { en: "Ending as failed", fr: "Échec en cours" },
  finished: { en: "Done", fr: "Terminée" },
  partlyFinished: { en: "Finished, with failures", fr: "Terminée, avec des échecs" },
  failed: { en: "Failed", fr: "Échec" },
  unknown: { en: "Nobody knows", fr: "Résultat inconnu" },
  cancelled: { en: "Cancelled", fr: "Annulée" },
  rejected: { en: "Rejected", fr: "Rejetée" },
} as const;
type ShownRegistrationState = keyof typeof registrationStateNames;
export const registrationStates = Object.keys(registrationStateNames) as [
  ShownRegistrationState,
  ...ShownRegistrationState[],
];

/** What webhooks are told of a registration: that it waits for a second person, or how it ended. */
export function eventOf(job: Job): WebhookEvent {
  const { tenantId, jobId, state, createdAt, finishedAt = createdAt } = job;
  const path = `/api/v1/tenants/${tenantId}/registrations/${jobId}`;
  const about = { eventId: jobId, tenantId, path };
  const data = { registrationId: jobId };
  if (state === "pendingApproval")
    return { ...about, at: createdAt, type: "registration.approvalPending", data };
  return {
    ...about,
    at: finishedAt,
    type: "registration.ended",
    data: { ...data, state: stateOf(job) },
  };
}

/** The word for a registration, by its counts as they are. */
export function stateOf(job: Job, counts: Counts = job.counts ?? emptyCounts()) {
  const { expired, offline } = counts;
  // Whose time was over before it was sent, and whom the service was not done with: the engine has words of its own for them.
  const notSupported = counts.notSupported + expired;
  const unknown = counts.unknown + offline;
  const word = wordFor(job, { ...counts, notSupported, unknown, expired: 0, offline: 0 });
  switch (word) {
    case "pendingApproval":
      return "waitingForApproval";
    case "planning":
      return "checked";
    case "running":
      return counts.waiting > 0 ? "submitting" : "polling";
    case "completed":
      return notSupported > 0 ? "partlyFinished" : "finished";
    case "partlyCompleted":
      return "partlyFinished";
    case "nothingToSend":
      return "failed";
    case "ended":
      return "finished";
    default:
      return word;
  }
}
