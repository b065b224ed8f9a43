import { expect, test } from "vitest";
import { limitAnonymousEvents, networkOf } from "../../../shared/access/request-audit.ts";
import { rateLimiter } from "../../../shared/access/sign-in/rate-limit.ts";
import { noon } from "./tables.ts";

const dayMs = 24 * 3600 * 1000;

test("one place that keeps on asking has few events, and the next one says how many there were not", () => {
  let now = noon;
  const events = limitAnonymousEvents(rateLimiter({ now: () => now }));
  const answers = Array.from({ length: 1000 }, () => events.ask("192.0.2.1"));
  expect(answers.filter(({ audited }) => audited)).toHaveLength(60);
  expect(events.ask("198.51.100.1")).toEqual({ audited: true, unrecorded: 940 });
  now += 5000;
  expect(events.ask("192.0.2.1")).toEqual({ audited: true, unrecorded: 0 });
  expect(events.ask("192.0.2.1")).toEqual({ audited: false, unrecorded: 0 });
  expect(events.ask("198.51.100.1")).toEqual({ audited: true, unrecorded: 1 });
});

test("a day of refused calls from everywhere leaves a bounded number of events, and none uncounted", () => {
  let now = noon;
  const events = limitAnonymousEvents(rateLimiter({ now: () => now }));
  let [written, counted, sent] = [0, 0, 0];
  for (; now < noon + dayMs; now += 500) {
    const { audited, unrecorded } = events.ask(`192.0.${sent % 256}.${(sent >> 8) % 256}`);
    sent += 1;
    if (audited) [written, counted] = [written + 1, counted + unrecorded];
  }
  expect(written).toBeLessThanOrEqual(600 + dayMs / 1000);
  // The last ones are told by the next event.
  now += 1000;
  expect(written + counted + events.ask("203.0.113.1").unrecorded).toBe(sent);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["unknown", "unknown"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
  ["2001:0db8:0000:0001::", "2001:db8:0:1::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
])("%s calls from %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
