/**
 * A clock that every instance agrees on: the machine's, corrected by the Date header of the storage
 * service's latest answer. A machine whose clock is wrong, or jumps, would otherwise take over claims
 * that still hold, or let work expire that has hours left.
 */
import type { TableClient } from "@azure/data-tables";
import type { Clock, Instant } from "../kernel/clock.ts";

/** The header has whole seconds and travels a while: smaller differences say nothing. */
const toleranceMs = 2000;

/** A step of the SDK's request pipeline. */
type PipelinePolicy = Parameters<TableClient["pipeline"]["addPolicy"]>[0];

/** Learns the service's time from its answers. */
export class ServiceClock implements Clock {
  readonly #machine: Clock;
  #aheadMs = 0;

  constructor(machine: Clock) {
    this.#machine = machine;
  }

  now(): Instant {
    return this.#machine.now() + this.#aheadMs;
  }

  /** Compares with a Date header; called for each answer. */
  learn(date: string | undefined): void {
    const service = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isNaN(service)) return;
    const ahead = service - this.#machine.now();
    this.#aheadMs = Math.abs(ahead) < toleranceMs ? 0 : ahead;
  }

  /** The pipeline step that listens to a client's answers. */
  policy(): PipelinePolicy {
    return {
      name: "serviceClock",
      sendRequest: async (request, next) => {
        const response = await next(request);
        this.learn(response.headers.get("date"));
        return response;
      },
    };
  }
}
