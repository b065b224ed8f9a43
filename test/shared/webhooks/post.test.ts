/** Which addresses may be posted to: by what they are, and by what their names resolve to at that moment. */
import { createServer, type Server } from "node:http";
import { type AddressInfo, type LookupFunction } from "node:net";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { signedHeaders } from "../../../shared/webhooks/deliver.ts";
import { faultOf, isPublic, post } from "../../../shared/webhooks/post.ts";

test.each([
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "100.127.255.255",
  "127.0.0.1",
  "127.8.8.8",
  "168.63.129.16",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.8",
  "192.0.2.1",
  "192.168.1.1",
  "198.18.0.1",
  "198.51.100.7",
  "203.0.113.9",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:10.0.0.1",
  "::ffff:8.8.8.8",
  "::ffff:a9fe:a9fe",
  "::7f00:1",
  "64:ff9b::a00:1",
  "64:ff9b:1::1",
  "100::1",
  "2001::1",
  "2001:db8::1",
  "2002:a00:1::1",
  "3fff::1",
  "fc00::1",
  "fd12:3456::1",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
  "not an address",
  "",
])("%s is none of the internet", (address) => {
  expect(isPublic(address)).toBe(false);
});

test.each([
  "1.1.1.1",
  "100.63.255.255",
  "100.128.0.1",
  "168.63.129.15",
  "172.15.255.255",
  "172.32.0.1",
  "2606:4700:4700::1111",
  "2a00:1450:4007:80c::200e",
])("%s is one of the internet", (address) => {
  expect(isPublic(address)).toBe(true);
});

describe("an address that somebody writes down", () => {
  it.each([
    "https://hooks.example/muster?key=1",
    "https://hooks.example:8443/",
    "https://1.1.1.1/",
    "https://[2606:4700:4700::1111]/",
  ])("is taken: %s", (address) => {
    expect(faultOf(address, false)).toBeUndefined();
  });

  it.each([
    ["http://hooks.example/", /https/],
    ["ftp://hooks.example/", /https/],
    ["nonsense", /not an address/],
    ["https://", /not an address/],
    ["https://ana:secret@hooks.example/", /name and password/],
    ["https://ana@hooks.example/", /name and password/],
    ["https://hooks.example/#part", /fragment/],
    ["https://hooks.example:22/", /port/],
    ["https://hooks.example:80/", /port/],
    ["https://localhost/", /internet/],
    ["https://127.0.0.1/", /internet/],
    ["https://127.1/", /internet/],
    ["https://0x7f000001/", /internet/],
    ["https://2130706433/", /internet/],
    ["https://0/", /internet/],
    ["https://[::1]/", /internet/],
    ["https://[::ffff:127.0.0.1]/", /internet/],
    ["https://[64:ff9b::7f00:1]/", /internet/],
    ["https://10.0.0.8:8443/", /internet/],
    ["https://169.254.169.254/metadata/instance", /internet/],
    ["https://168.63.129.16/machine", /internet/],
    ["https://①⑥⑧.63.129.16/", /internet/],
  ])("is refused: %s", (address, words) => {
    expect(faultOf(address, false)).toMatch(words);
  });

  it("leads to this machine where the settings let it, and nowhere else of what is private", () => {
    for (const address of ["http://127.0.0.1:9/", "http://localhost:80/a", "https://[::1]/"])
      expect(faultOf(address, true)).toBeUndefined();
    for (const address of ["http://127.0.0.2/", "http://10.0.0.1/", "https://192.168.0.1/"])
      expect(faultOf(address, true)).toBeDefined();
  });
});

const resolvesTo =
  (...addresses: readonly (readonly [string, 4 | 6])[]): LookupFunction =>
  (_name, _options, done) =>
    done(
      null,
      addresses.map(([address, family]) => ({ address, family })),
    );
const unresolved: LookupFunction = (_name, _options, done) =>
  done(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }), []);

describe("a name", () => {
  let server: Server;
  let port = 0;
  let connections = 0;
  beforeAll(async () => {
    server = createServer((_, response) => response.end());
    server.on("connection", () => (connections += 1));
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => server.close());

  const tried = (resolve: LookupFunction, toLoopback = false) =>
    post(`https://rebound.example:${port}/`, {}, "{}", {
      clock: systemClock,
      toLoopback,
      resolve,
      timeoutMs: 300,
    });

  it.each([
    ["this machine", resolvesTo(["127.0.0.1", 4])],
    ["this machine, by IPv6", resolvesTo(["::1", 6])],
    ["this machine, mapped", resolvesTo(["::ffff:127.0.0.1", 6])],
    ["the platform's host", resolvesTo(["168.63.129.16", 4])],
    ["the internet, and a private network beside it", resolvesTo(["1.1.1.1", 4], ["10.0.0.1", 4])],
    ["nothing", resolvesTo()],
  ])("that resolves to %s is not connected to", async (_, resolve) => {
    for (const toLoopback of [false, true]) {
      const answer = await tried(resolve, toLoopback);
      expect(answer).toMatchObject({ kind: "failed", error: /none of the internet/ });
    }
    expect(connections).toBe(0);
  });

  it("is judged at each connection anew: what was harmless before may resolve to something else", async () => {
    let asked = 0;
    const rebinding: LookupFunction = (name, options, done) => {
      asked += 1;
      const addresses = asked === 1 ? resolvesTo(["1.1.1.1", 4]) : resolvesTo(["127.0.0.1", 4]);
      addresses(name, options, done);
    };
    const first = await tried(rebinding);
    expect(first).toMatchObject({ kind: "failed" });
    expect(first).not.toMatchObject({ error: expect.stringContaining("none of the internet") });
    expect(await tried(rebinding)).toMatchObject({
      error: expect.stringContaining("none of the internet"),
    });
    expect([asked, connections]).toEqual([2, 0]);
  });

  it("says what went wrong where it cannot be resolved", async () => {
    expect(await tried(unresolved)).toMatchObject({ kind: "failed", error: /ENOTFOUND/ });
  });
});

test("signatures are those of the scheme's own example", () => {
  const headers = signedHeaders(
    { deliveryId: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: '{"test": 2432232314}' },
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    1_614_265_330_000,
  );
  expect(headers["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
});
