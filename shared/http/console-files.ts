/**
 * The console's files, as the build left them beside the app: which path leads to which file, how it is packed, and what a
 * browser may do with it (docs/decisions/0050). A path that somebody asks for is a key of the build's list, and nothing else:
 * it never becomes a path on the disk.
 */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { digest } from "../kernel/values.ts";
import type { Reply } from "./reply.ts";

const FileName = z.string().regex(/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/);

/** What the build says of one path. */
const ConsoleFile = z.object({
  /** Where its bytes are, below the list; named by them, so that a later build leaves it alone. */
  file: FileName,
  type: z.string(),
  etag: z.string(),
  /** The path itself is named by the bytes: it never leads to others. */
  immutable: z.boolean(),
  /** Sizes: as it is, and with `.br` or `.gz` behind its name, where packing pays. */
  bytes: z.int(),
  br: z.int().optional(),
  gz: z.int().optional(),
});
const ConsoleList = z.record(FileName, ConsoleFile);

/** The list's entries by path. */
export type ConsoleList = z.output<typeof ConsoleList>;

/** The list of this build, and that of the one before it: a page that is open still asks for its parts. */
export const listNames = { current: "manifest.json", previous: "manifest.previous.json" } as const;

/** Reads a list that the build has written; nothing where there is none. */
function readList(folder: string, which: keyof typeof listNames): ConsoleList {
  const path = join(folder, listNames[which]);
  return existsSync(path) ? ConsoleList.parse(JSON.parse(readFileSync(path, "utf8"))) : {};
}

/** Where the console's people sign in. */
export type ConsoleSignIn = {
  readonly clientId: string;
  /** The directory whose people they are, at the sign-in service. */
  readonly authority: string;
  /** The same, where browsers reach it on this machine; empty in Azure. */
  readonly localAuthority: string;
  readonly scope: string;
};

/** What a request for a page says beside its path. */
export type Asked = {
  readonly acceptEncoding: string;
  readonly ifNoneMatch: string | undefined;
};

/** What the console's function works with. */
export type ConsoleFiles = {
  /** The answer for a path below `/console/`; undefined where nothing is there. */
  readonly answer: (path: string, asked: Asked) => Promise<Reply | undefined>;
};

/** Opens the console of a folder, once somebody asks. `version` is the app's; the build's own mark goes behind it. */
export function consoleFiles(
  folder: string,
  signIn: ConsoleSignIn,
  version: string,
): () => ConsoleFiles | undefined {
  let opened: ConsoleFiles | undefined;
  return () => (opened ??= open(folder, signIn, version));
}

const page = "index.html";
/** Where browsers come back to from signing in; a frame of the console's own may, too. */
const redirect = "redirect.html";

function open(folder: string, signIn: ConsoleSignIn, version: string): ConsoleFiles | undefined {
  const list = new Map(Object.entries(readList(folder, "current")));
  const index = list.get(page);
  if (index === undefined) return undefined;
  for (const [path, file] of Object.entries(readList(folder, "previous")))
    if (file.immutable && !list.has(path)) list.set(path, file);
  const config = Buffer.from(
    JSON.stringify({ ...signIn, version: `${version}+${digest(index.etag).slice(0, 12)}` }),
  );
  const etag = `W/"${digest(config.toString()).slice(0, 32)}"`;
  const policies = { [page]: policyOf(signIn, "'none'"), [redirect]: policyOf(signIn, "'self'") };
  const fileAt = (path: string): string => {
    if (path === "redirect") return redirect;
    // Every other address is one of the console's own; what was named by a build is gone with it.
    return list.has(path) || path.startsWith("assets/") ? path : page;
  };
  return {
    async answer(path, asked) {
      if (path === "config.json")
        return { ...conditional(etag, asked, bodyOf(config)), contentType: "application/json" };
      const name = fileAt(path);
      const found = list.get(name);
      if (found === undefined) return undefined;
      const policy = Object.entries(policies).find(([each]) => each === name)?.[1];
      return answerFile(folder, found, asked, policy);
    },
  };
}

async function answerFile(
  folder: string,
  { file, type, etag, immutable, ...sizes }: z.output<typeof ConsoleFile>,
  asked: Asked,
  policy: string | undefined,
): Promise<Reply> {
  const packed = packings.find(
    ([coding, ending]) => sizes[ending] !== undefined && takes(asked.acceptEncoding, coding),
  );
  const bytes = await readFile(join(folder, packed === undefined ? file : `${file}.${packed[1]}`));
  const reply = conditional(etag, asked, bodyOf(bytes));
  return {
    ...reply,
    contentType: type,
    headers: {
      ...reply.headers,
      vary: "Accept-Encoding, Origin",
      ...(immutable ? { "cache-control": "public, max-age=31536000, immutable" } : {}),
      ...(packed === undefined || reply.status !== 200 ? {} : { "content-encoding": packed[0] }),
      ...(policy === undefined ? {} : { "content-security-policy": policy, ...pageHeaders }),
    },
  };
}

/** The smaller first. */
const packings = [
  ["br", "br"],
  ["gzip", "gz"],
] as const;

/** Whether `Accept-Encoding` has a coding, and not with a weight of nothing. */
const takes = (accept: string, coding: string): boolean =>
  accept
    .toLowerCase()
    .split(",")
    .map((part) => part.replaceAll(/\s/g, "").split(";"))
    .some(([name, weight = ""]) => name === coding && !/^q=0(\.0*)?$/.test(weight));

/** A body of known length; without it a browser cannot say how far it is. */
const bodyOf = (bytes: Buffer): Pick<Reply, "headers" | "stream"> => ({
  headers: { "content-length": String(bytes.byteLength) },
  stream: once(bytes),
});

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** 200 with the body, or 304 for who has it: in either case a browser asks before it uses what it kept. */
function conditional(
  etag: string,
  { ifNoneMatch = "" }: Asked,
  { headers, stream }: Pick<Reply, "headers" | "stream">,
): Reply {
  const common = { etag, "cache-control": "no-cache" };
  const held = ifNoneMatch.split(",").map((each) => each.trim());
  return held.includes("*") || held.includes(etag)
    ? { status: 304, headers: common }
    : { status: 200, headers: { ...headers, ...common }, ...(stream ? { stream } : {}) };
}

/** What the pages can do without. */
const pageHeaders = {
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

/**
 * What the pages may load and call: their own files and API, and the sign-in service. The hash is that of nothing: the styles
 * of the console's parts are empty elements that are filled through the CSS object model (docs/decisions/0050). A session is
 * renewed in a frame, which goes to the sign-in service and comes back to `redirect`.
 */
function policyOf({ authority, localAuthority }: ConsoleSignIn, framedBy: string): string {
  const places = [authority, localAuthority].filter((url) => url !== "");
  const authorities = places.map((url) => new URL(url).origin).join(" ");
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    `connect-src 'self' ${authorities}`,
    `frame-src 'self' ${authorities}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${framedBy}`,
    "require-trusted-types-for 'script'",
  ].join("; ");
}
