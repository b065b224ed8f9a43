import { HttpRequest, type HttpRequestInit } from "@azure/functions";
import { expect, test } from "vitest";
import { z } from "zod";
import { onHttp } from "../../functions/define.ts";
import { serveHttp } from "../../functions/serve-http.ts";
import type { Operation } from "../../shared/http/operation.ts";
import { noContent, ok, streamed } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { adminToken, makeTools } from "./support/tools.ts";

const invocation = { invocationId: "invocation-1" };
const tools = await makeTools();
const described = {
  // One that every signed-in caller may call.
  name: "actions-list",
  method: "POST",
  path: "api/v1/things/{thing}",
  summary: "",
  tag: "",
  params: z.strictObject({ thing: z.coerce.number() }),
  query: z.strictObject({ top: z.coerce.number().default(5) }),
  body: z.strictObject({ text: z.string() }),
  answers: {},
} as const satisfies Operation;
const authorization = `Bearer ${adminToken}`;
const good = { authorization, "content-type": "application/json" };

/** Serves one request, and tells what the handler was given. */
async function serve(
  init: Partial<HttpRequestInit> & { query?: Record<string, string> } = {},
  operation: Operation = described,
) {
  const inputs: unknown[] = [];
  const definition = onHttp(operation, (input) => {
    inputs.push(input);
    return Promise.resolve(succeed(ok({ done: true })));
  });
  const { query = {}, ...rest } = init;
  const request = new HttpRequest({
    method: "POST",
    url: `http://host/api/v1/things/7?${new URLSearchParams(query).toString()}`,
    params: { thing: "7" },
    headers: good,
    body: { string: '{"text":"a"}' },
    ...rest,
  });
  const answer = await serveHttp(definition, request, invocation, tools);
  const body = typeof answer.body === "string" ? JSON.parse(answer.body) : answer.body;
  return { status: answer.status, headers: answer.headers, body, inputs };
}

test("a request reaches its handler typed by its schemas, and carries its id back", async () => {
  const headers = { ...good, "if-match": '"e"', accept: "text/csv" };
  const { status, headers: answered, inputs } = await serve({ headers });
  expect(status).toBe(200);
  expect(inputs).toMatchObject([
    {
      params: { thing: 7 },
      query: { top: 5 },
      body: { text: "a" },
      ifMatch: '"e"',
      accept: "text/csv",
    },
  ]);
  expect(answered).toMatchObject({
    "x-request-id": "invocation-1",
    "cache-control": "no-store",
    "content-type": "application/json",
  });
});

test("a request that asks for any version asks for none in particular", async () => {
  const { inputs } = await serve({ headers: { ...good, "if-match": "*" } });
  expect(inputs).toMatchObject([{ ifMatch: undefined }]);
});

const wrong = {
  params: { thing: "x" },
  query: { "a/b": "1" },
  headers: { "content-type": "text/plain" },
  body: { string: "{" },
};
test("a request is judged in order: who asks, then path and query together, then the body", async () => {
  const steps = [
    [wrong, 401, "unauthenticated", undefined],
    [
      { ...wrong, headers: { ...wrong.headers, authorization } },
      400,
      "invalid-request",
      [{ pointer: "/path/thing" }, { pointer: "/query/a~1b" }],
    ],
    [{ headers: { ...wrong.headers, authorization } }, 415, "unsupported-media-type", undefined],
    [{ body: wrong.body }, 400, "malformed-json", undefined],
    [{ body: { string: "{}" } }, 400, "invalid-request", [{ pointer: "/text" }]],
  ] as const;
  for (const [init, status, code, errors] of steps) {
    const { inputs, ...answer } = await serve(init);
    expect(answer).toMatchObject({ status, body: { code, ...(errors ? { errors } : {}) } });
    expect(answer.body.instance).toBe("urn:request:invocation-1");
    expect(inputs).toEqual([]);
  }
});

test.each([
  undefined,
  "",
  "Bearer",
  "Bearer ",
  `Bearer ${adminToken}x`,
  `Basic ${adminToken}`,
  adminToken,
])("a request with the authorization %j is nobody's", async (given) => {
  const headers: Record<string, string> = given === undefined ? {} : { authorization: given };
  expect((await serve({ headers })).status).toBe(401);
});

test("a request of an open operation needs no token", async () => {
  const { body: _, ...rest } = described;
  expect(await serve({ headers: {} }, { ...rest, anonymous: true })).toMatchObject({
    status: 200,
  });
});

test("a request of an operation without a query is told so, name by name", async () => {
  const { query: _, ...rest } = described;
  const answer = await serve({ query: { "x~y": "1" } }, rest);
  expect(answer.body).toMatchObject({ errors: [{ pointer: "/query/x~0y" }] });
});

test("a request that meets a bug names the request, and tells the cause to the log alone", async () => {
  const { body: _, ...rest } = described;
  const definition = onHttp(rest, () => Promise.reject(new Error("password=hunter2")));
  const request = new HttpRequest({
    method: "POST",
    url: "http://host/api/v1/things/7",
    params: { thing: "7" },
    headers: good,
  });
  const answer = await serveHttp(definition, request, invocation, tools);
  expect(answer).toMatchObject({
    status: 500,
    headers: { "content-type": "application/problem+json" },
  });
  expect(answer.body).toContain("invocation-1");
  expect(answer.body).not.toContain("hunter2");
  expect(tools.logged.at(-1)).toMatchObject([
    "request.fail",
    { error: expect.stringContaining("hunter2") },
  ]);
});

const bare = () =>
  new HttpRequest({ method: "POST", url: "http://h/", params: { thing: "7" }, headers: good });

const pieces = async function* () {
  yield await Promise.resolve("a,b\n");
  yield "1,ü\n";
};

test("a request is answered without a body, or piece by piece", async () => {
  const { body: _, ...rest } = described;
  const serveReply = (reply: Parameters<typeof succeed>[0]) =>
    serveHttp(
      onHttp(rest, () => Promise.resolve(succeed(reply as never))),
      bare(),
      invocation,
      tools,
    );
  const empty = await serveReply(noContent());
  expect(empty).toMatchObject({ status: 204 });
  expect(empty.body).toBeUndefined();
  const csv = await serveReply(streamed("text/csv", pieces()));
  expect(csv.headers).toMatchObject({ "content-type": "text/csv" });
  expect(await new Response(csv.body as ReadableStream).text()).toBe("a,b\n1,ü\n");
});

test("a document waits for a slow reader, and ends when nobody reads any more", async () => {
  const { body: _, ...rest } = described;
  let made = 0;
  const endless = async function* () {
    for (;;) {
      made += 1;
      yield await Promise.resolve("x".repeat(64 * 1024));
    }
  };
  const answers: ((goOn: boolean) => void)[] = [];
  const { headers, body, method, url, params } = bare();
  const request = {
    headers,
    body,
    method,
    url,
    params,
    mayWrite: () => new Promise<boolean>((resolve) => answers.push(resolve)),
  };
  const reply = onHttp(rest, () => Promise.resolve(succeed(streamed("text/csv", endless()))));
  const answer = await serveHttp(reply, request, invocation, tools);
  const parts = (answer.body as AsyncGenerator<Uint8Array>)[Symbol.asyncIterator]();
  await parts.next();
  const second = parts.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([made, answers.length]).toEqual([1, 1]);
  answers[0]?.(true);
  expect((await second).done).toBe(false);
  const third = parts.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  answers[1]?.(false);
  expect((await third).done).toBe(true);
  expect(made).toBe(2);
});

/** Serves a GET whose handler answers this; `asked` counts how often it was. */
async function read(body: object, headers: Record<string, string> = {}, asked: unknown[] = []) {
  const { body: _, ...rest } = described;
  const definition = onHttp({ ...rest, method: "GET" }, (input) => {
    asked.push(input);
    return Promise.resolve(succeed(ok(body, 'W/"row"')));
  });
  const request = new HttpRequest({
    method: "GET",
    url: "http://host/api/v1/things/7",
    params: { thing: "7" },
    headers: { authorization, ...headers },
  });
  return serveHttp(definition, request, invocation, tools);
}

test("who has an answer already is told so, without its body and at the same price", async () => {
  const headers = new Headers((await read({ a: 1 })).headers);
  const held = headers.get("etag") ?? "";
  const asked: unknown[] = [];
  const again = await read({ a: 1 }, { "if-none-match": held }, asked);
  expect(asked).toHaveLength(1);
  expect(again).toMatchObject({
    status: 304,
    headers: {
      etag: held,
      vary: "Origin",
      "cache-control": "no-store",
      "x-request-id": "invocation-1",
    },
  });
  expect(again.body).toBeUndefined();
  expect(again.headers).not.toHaveProperty("content-type");
  expect(await read({ a: 2 }, { "if-none-match": held })).toMatchObject({ status: 200 });
  const nobody = { authorization: "Bearer other", "if-none-match": "*" };
  expect(await read({ a: 1 }, nobody)).toMatchObject({ status: 401 });
});

const pageBefore = (token: string) => ({
  value: [1],
  nextLink: `http://host/api/v1/things?pageToken=${token}`,
});

test("a page has one version, however often its link is sealed; the next page has another", async () => {
  const [one, same, other] = await Promise.all(
    [pageBefore("YWJj"), pageBefore("YWJj"), pageBefore("YWJk")].map((body) => read(body)),
  );
  expect(one?.body).not.toBe(same?.body);
  const etags = [one, same, other].map((answer) => new Headers(answer?.headers).get("etag"));
  expect(etags[0]).toBe(etags[1]);
  expect(etags[2]).not.toBe(etags[0]);
});

test("If-Match takes the ETag of what was read for the version of its row", async () => {
  const { headers } = await read({ a: 1 });
  const { etag } = headers as { etag: string };
  const { inputs } = await serve({ headers: { ...good, "if-match": etag } });
  expect(inputs).toMatchObject([{ ifMatch: 'W/"row"' }]);
});
