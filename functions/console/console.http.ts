/**
 * Serves the console: pages, not operations of the API, so they are in no description of it, and open to everybody. They hold
 * nothing of a tenant's; what they show they ask the API for, as whoever has signed in to them.
 */

import * as z from "zod";
import type { ConsoleFiles } from "../../shared/http/console-files.ts";
import { operation } from "../../shared/http/operation.ts";
import { found } from "../../shared/http/reply.ts";
import { fail, succeed } from "../../shared/kernel/failure.ts";
import { type HttpFunction, onHttp, type Tools } from "../define.ts";

/** `console` is undefined where an installation has none. */
type Needs = { readonly console: () => ConsoleFiles | undefined };

const home = "/console/";
const nothing = (path: string) =>
  fail("unknown-route", `There is no ${path}. See /api/v1/openapi.json.`);

/** Anybody may look at what a page would be, as caches do. */
const methods = ["GET", "HEAD"] as const;

const consolePagesFunction: HttpFunction<Needs> = {
  ...onHttp(
    operation({
      name: "console-pages",
      method: "GET",
      path: "console/{*path}",
      summary: "The console",
      tag: "Console",
      anonymous: true,
      // What stands behind a question mark is the page's own.
      query: z.looseObject({}),
      answers: {},
    }),
    async ({ url, asked }, { services }: Tools<Needs>) => {
      const [, slash, path = ""] = /^\/console(\/?)(.*)$/i.exec(url.pathname) ?? [];
      const files = services.console();
      if (files === undefined || slash === undefined) return nothing(url.pathname);
      if (slash === "") return succeed(found(home));
      const reply = await files.answer(path, asked);
      return reply === undefined ? nothing(url.pathname) : succeed(reply);
    },
  ),
  methods,
};

/** The root alone: an empty route would be taken for the function's name by the Functions host. */
const consoleRootFunction: HttpFunction<Needs> = {
  ...onHttp(
    operation({
      name: "console-root",
      method: "GET",
      path: "{nothing:maxlength(0)?}",
      summary: "Leads to the console",
      tag: "Console",
      anonymous: true,
      // What stands behind a question mark is the page's own.
      query: z.looseObject({}),
      answers: {},
    }),
    async ({ url }, { services }: Tools<Needs>) =>
      services.console() === undefined ? nothing(url.pathname) : succeed(found(home)),
  ),
  methods,
};

/** What serves the console. */
export const consoleFunctions: readonly HttpFunction<Needs>[] = [
  consolePagesFunction,
  consoleRootFunction,
];
