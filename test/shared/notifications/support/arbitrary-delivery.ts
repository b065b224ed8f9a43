/** Deliveries and notifications of every shape, for properties, and a plain one of each for tables. */
import * as fc from "fast-check";
import { BulkRefusals } from "../../../../shared/devices/actions/asked-devices.ts";
import {
  type Item,
  type ItemEvent,
  type ItemState,
  lifecycle,
} from "../../../../shared/fanout/state/item.ts";
import { type KindParts, notificationKind } from "../../../../shared/notifications/kind.ts";
import type { Notification } from "../../../../shared/notifications/notification.ts";
import { relayCarrier } from "../../../../shared/notifications/relay/relay-carrier.ts";

export const states = Object.keys(lifecycle) as ItemState[];
export const events = [
  ...new Set(Object.values(lifecycle).flatMap((moves) => Object.keys(moves))),
] as ItemEvent[];

/** The n-th of ids that sort as they are numbered. */
export const idOf = (nth: number): string =>
  `00000000-0000-4000-8000-${nth.toString(16).padStart(12, "0")}`;

/** A waiting delivery on its action's first route. */
export const waiting = (nth = 0, more: Partial<Item> = {}): Item => ({
  targetId: idOf(nth),
  name: `PC-${nth}`,
  state: "waiting",
  route: 0,
  at: 0,
  attempts: 0,
  ...more,
});

/** The kind over some parts: nothing else outside can be reached. */
export const kindOver = (parts: Partial<KindParts>) =>
  notificationKind({
    graph: undefined as never,
    clock: { now: () => 0 },
    maintenance: undefined as never,
    collections: undefined as never,
    audits: undefined as never,
    directory: undefined as never,
    targets: undefined as never,
    deliveries: undefined as never,
    bulkRefusals: new BulkRefusals({ now: () => 0 }),
    carrier: relayCarrier({ directory: undefined as never, queues: undefined as never }),
    gate: undefined as never,
    ...parts,
  });

/** The kind for what is pure in it. */
export const kind = kindOver({});

/** A running notification of restarts, from 0 to 100,000. */
export const running = (more: Partial<Notification> = {}): Notification => ({
  kind: kind.id,
  jobId: "n",
  tenantId: "t",
  state: "running",
  actionId: "restart",
  parameters: {},
  target: { kind: "tenant" },
  allowApproximate: false,
  directoryVersion: "d",
  createdAt: 0,
  expiresAt: 100_000,
  ...more,
});

const moment = fc.integer({ min: 1, max: 4_000_000_000_000 });

/** A delivery as a row may hold it; long names and reasons included. */
export const arbitraryDelivery: fc.Arbitrary<Item> = fc.record(
  {
    targetId: fc.uuid(),
    name: fc.string({ unit: "binary", maxLength: 256 }),
    state: fc.constantFrom(...states),
    route: fc.integer({ min: -1, max: 3 }),
    at: moment,
    attempts: fc.nat(30),
    claimedAt: moment,
    notBefore: moment,
    unclear: fc.integer({ min: 1, max: 9 }),
    step: fc.integer({ min: 1, max: 9 }),
    claim: fc.string({ minLength: 1, maxLength: 22 }),
    singly: fc.constant(true),
    atMost: fc.integer({ min: 1, max: 50 }),
    code: fc.string({ minLength: 1, maxLength: 40 }),
    detail: fc.string({ unit: "binary", minLength: 1, maxLength: 160 }),
  },
  { requiredKeys: ["targetId", "name", "state", "route", "at", "attempts"] },
);
