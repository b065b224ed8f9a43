/** Deliveries and notifications of every shape, for properties, and a plain one of each for tables. */
import * as fc from "fast-check";
import {
  type Delivery,
  type DeliveryEvent,
  type DeliveryState,
  lifecycle,
} from "../../../../shared/notifications/state/delivery.ts";
import type { Notification } from "../../../../shared/notifications/state/notification.ts";

export const states = Object.keys(lifecycle) as DeliveryState[];
export const events = [
  ...new Set(Object.values(lifecycle).flatMap((moves) => Object.keys(moves))),
] as DeliveryEvent[];

/** The n-th of ids that sort as they are numbered. */
export const idOf = (nth: number): string =>
  `00000000-0000-4000-8000-${nth.toString(16).padStart(12, "0")}`;

/** A waiting delivery on its action's first route. */
export const waiting = (nth = 0, more: Partial<Delivery> = {}): Delivery => ({
  deviceId: idOf(nth),
  deviceName: `PC-${nth}`,
  state: "waiting",
  route: 0,
  at: 0,
  attempts: 0,
  ...more,
});

/** A running notification of restarts, from 0 to 100,000. */
export const running = (more: Partial<Notification> = {}): Notification => ({
  notificationId: "n",
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
export const arbitraryDelivery: fc.Arbitrary<Delivery> = fc.record(
  {
    deviceId: fc.uuid(),
    deviceName: fc.string({ unit: "binary", maxLength: 256 }),
    state: fc.constantFrom(...states),
    route: fc.integer({ min: -1, max: 3 }),
    at: moment,
    attempts: fc.nat(30),
    markedAt: moment,
    notBefore: moment,
    claim: fc.string({ minLength: 1, maxLength: 22 }),
    alone: fc.constant(true),
    atMost: fc.integer({ min: 1, max: 50 }),
    code: fc.string({ minLength: 1, maxLength: 40 }),
    detail: fc.string({ unit: "binary", minLength: 1, maxLength: 160 }),
  },
  { requiredKeys: ["deviceId", "deviceName", "state", "route", "at", "attempts"] },
);
