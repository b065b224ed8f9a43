/** The admin endpoints: run a function by hand, ping, status, drain and resume. */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type Call,
  type HostedFunction,
  type QueueFunction,
  type Run,
  type TimerFunction,
} from "../app/functions.ts";
import type { TypedData } from "../app/protocol.ts";
import { mergeBody } from "../queues/message.ts";
import type { Drain } from "../runs/drain.ts";
import { type HttpAnswer, readBody, writeEmpty, writeJson } from "./exchange.ts";
import { grantOf, type Keys } from "./keys.ts";

type AdminOptions = {
  readonly keys: Keys;
  readonly hostId: string;
  readonly version: string;
  readonly functions: readonly HostedFunction[];
  readonly run: Run;
  readonly workerReady: () => Promise<boolean>;
  /** The worker's state, for the status page. */
  readonly isReady: () => boolean;
  readonly outstanding: () => number;
  readonly drain: Drain;
  /** What a timer function gets when somebody runs it. */
  readonly timerByHand: (fn: TimerFunction) => Promise<TypedData>;
};

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** Answers everything under `/admin/`. All but ping needs the master key. */
export function adminEndpoints(options: AdminOptions): HttpAnswer {
  const endpoints = fixedEndpoints(options);
  return async (request, response, { method, path, key }) => {
    if (/^admin\/host\/ping$/i.test(path)) return writeEmpty(response, 200);
    if (grantOf(options.keys, key) !== "admin") return writeEmpty(response, 401);
    const endpoint = endpoints[`${method} ${path.toLowerCase()}`];
    if (endpoint) return endpoint(request, response);
    const name = /^admin\/functions\/([^/]+)$/i.exec(path)?.[1];
    if (method === "POST" && name) return runByHand(options, name, request, response);
    writeEmpty(response, 404);
  };
}

function fixedEndpoints(options: AdminOptions): Readonly<Record<string, Answer>> {
  const { hostId, version, outstanding, drain } = options;
  return {
    "GET admin/host/status": (_, response) =>
      writeJson(response, 200, {
        id: hostId,
        state: options.isReady() ? "Running" : "Starting",
        version,
        processUptime: Math.round(process.uptime() * 1000),
        functions: options.functions.map(({ name }) => name),
      }),
    "GET admin/functions": (_, response) =>
      writeJson(
        response,
        200,
        options.functions.map(({ name, kind, disabled }) => ({ name, kind, isDisabled: disabled })),
      ),
    "POST admin/host/drain": (_, response) => {
      void drain.start();
      writeEmpty(response, 202);
    },
    "GET admin/host/drain/status": (_, response) =>
      writeJson(response, 200, {
        state: drain.state(),
        outstandingInvocations: outstanding(),
        outstandingRetries: 0,
      }),
    "POST admin/host/resume": (_, response) => {
      drain.resume();
      writeJson(response, 200, { state: "Running" });
    },
  };
}

/** Starts a timer or queue function; the caller does not wait for its end. */
async function runByHand(
  { functions, run, workerReady, timerByHand }: AdminOptions,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const fn = functions.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (!fn) return writeEmpty(response, 404);
  const input = inputOf(await readBody(request, 1_000_000));
  if (fn.kind === "http" || input === undefined) return writeEmpty(response, 400);
  if (!(await workerReady())) return writeEmpty(response, 503);
  void run(fn, fn.kind === "timer" ? { data: await timerByHand(fn) } : callOf(fn, input));
  writeEmpty(response, 202);
}

function callOf(fn: QueueFunction, input: string): Call {
  const own = { QueueTrigger: { string: input } };
  return fn.dataType === "binary"
    ? { data: { bytes: Buffer.from(input) }, triggerMetadata: own }
    : { data: { string: input }, triggerMetadata: mergeBody(own, input) };
}

/** `input` of the body, which may be anything; undefined when the body is not JSON. */
function inputOf(body: Buffer | undefined): string | undefined {
  try {
    const { input = "" } = JSON.parse(body?.toString("utf8") ?? "{}") as { input?: unknown };
    return typeof input === "string" ? input : JSON.stringify(input);
  } catch {
    return undefined;
  }
}
