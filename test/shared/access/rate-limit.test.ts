import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { fullBucket, rateLimiter, take } from "../../../shared/access/sign-in/rate-limit.ts";

const rate = { burst: 5, perSecond: 2 };
const noon = Date.UTC(2026, 7, 10, 12);

test("a burst passes, the next request waits as long as it is told, and then passes", () => {
  let bucket = fullBucket(rate, noon);
  for (let n = 0; n < 5; n += 1) bucket = take(bucket, rate, noon).bucket;
  const refused = take(bucket, rate, noon);
  expect(refused).toMatchObject({ allowed: false, retryAfterSeconds: 1 });
  expect(take(refused.bucket, rate, noon + 1000).allowed).toBe(true);
});

test("a clock that jumps back gives nothing away and takes nothing", () => {
  const bucket = { left: 2, at: noon };
  expect(take(bucket, rate, noon - 3_600_000)).toMatchObject({ bucket: { left: 1, at: noon } });
});

test("whatever the times, no more pass than the burst and what has flowed in since", () => {
  assert(
    property(array(integer({ min: 0, max: 3000 }), { maxLength: 60 }), (gaps) => {
      let now = noon;
      let bucket = fullBucket(rate, now);
      let passed = 0;
      for (const gap of gaps) {
        now += gap;
        const taken = take(bucket, rate, now);
        bucket = taken.bucket;
        if (taken.allowed) passed += 1;
      }
      expect(passed).toBeLessThanOrEqual(
        rate.burst + ((now - noon) / 1000) * rate.perSecond + 1e-6,
      );
    }),
  );
});

test("who waits the told time is never refused again", () => {
  assert(
    property(integer({ min: 0, max: 499 }), integer({ min: 1, max: 50 }), (left, perSecond) => {
      const slow = { burst: 5, perSecond: perSecond / 10 };
      const refused = take({ left: left / 500, at: noon }, slow, noon);
      const seconds = refused.allowed ? 0 : refused.retryAfterSeconds;
      expect(take(refused.bucket, slow, noon + seconds * 1000).allowed).toBe(true);
    }),
  );
});

test("accounts and kinds are counted apart", () => {
  const table = { read: rate, write: { burst: 1, perSecond: 1 } };
  const limiter = rateLimiter(
    { now: () => noon },
    { caller: table, tenant: table, address: table, anonymous: table, allAnonymous: table },
  );
  expect(limiter.count("caller", "ana", "write").ok).toBe(true);
  expect(limiter.count("caller", "ana", "write")).toMatchObject({
    ok: false,
    failure: { code: "too-many-requests", retryAfterSeconds: 1 },
  });
  expect(limiter.count("caller", "ana", "read").ok).toBe(true);
  expect(limiter.count("caller", "bo", "write").ok).toBe(true);
  expect(limiter.count("tenant", "ana", "write").ok).toBe(true);
});
