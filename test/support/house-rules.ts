/** The rules of this house over import text, as data, and the judge that applies them to a file. */
import {
  type Ban,
  type Breach,
  bannedIn,
  importsOf,
  lineCount,
  listed,
  packageOf,
  type Source,
  targetOf,
} from "./source-rules.ts";

/** A room imports from lower floors only: never sideways, never up. */
const floors: Readonly<Record<string, number>> = {
  "shared/kernel": 0,
  "shared/telemetry": 0,
  "shared/storage": 1,
  "shared/http": 1,
  "shared/graph": 2,
  "shared/configmgr": 2,
  "shared/partner-center": 2,
  "shared/identity": 2,
  "shared/access": 2,
  "shared/work": 2,
  "shared/webhooks": 2,
  "shared/fanout": 3,
  "shared/devices": 3,
  "shared/schedules": 3,
  "shared/tenants": 3,
  "shared/notifications": 4,
  "shared/provisioning": 4,
  "shared/sync": 4,
  "shared/registration": 4,
  functions: 5,
};

/** Who may import a package; a package that is not listed may be imported by nobody. Files or folders. */
const packages: Readonly<Record<string, readonly string[]>> = {
  zod: ["shared/", "functions/"],
  "csv-stringify": ["shared/http/paging.ts"],
  "@fastify/busboy": ["shared/http/upload.ts"],
  "zod-openapi": ["shared/http/operation.ts"],
  "lru-cache": ["shared/"],
  jose: ["shared/access/"],
  microdiff: ["shared/sync/plan/compare.ts"],
  "rrule-temporal": ["shared/schedules/times/recurrence.ts"],
  yazl: ["shared/sync/artifacts.ts"],
  yauzl: ["shared/sync/zip-items.ts"],
  canonicalize: ["shared/sync/items/canonical.ts", "shared/provisioning/templates/template.ts"],
  "@azure/keyvault-keys": ["shared/storage/"],
  "@azure/data-tables": ["shared/storage/"],
  "@azure/storage-blob": ["shared/storage/"],
  "@azure/storage-queue": ["shared/storage/"],
  // Storage takes a managed identity; the identity room signs the app in with one.
  "@azure/identity": ["shared/storage/", "shared/identity/"],
  "@azure/msal-node": ["shared/identity/"],
  "@opentelemetry/api": ["shared/telemetry/"],
  "@opentelemetry/context-async-hooks": ["shared/telemetry/listen.ts"],
  "@opentelemetry/core": ["shared/telemetry/listen.ts"],
  "@opentelemetry/sdk-metrics": ["shared/telemetry/listen.ts"],
  "@opentelemetry/sdk-trace-base": ["shared/telemetry/listen.ts"],
  "@azure/monitor-opentelemetry-exporter": ["shared/telemetry/listen.ts"],
  // A definition is a value: only its registration needs the library. Types of its requests and answers are
  // free where those are read and written.
  "@azure/functions": ["functions/register.ts"],
};

const typesOnly: Readonly<Record<string, readonly string[]>> = {
  "@azure/functions": [
    "functions/define.ts",
    "functions/http-request.ts",
    "functions/serve-http.ts",
  ],
};

/** The console's rooms, in the same way; a room that is not listed is a job's. */
const consoleFloors: Readonly<Record<string, number>> = {
  text: 0,
  session: 0,
  api: 1,
  page: 2,
  frame: 3,
  // Devices and the overview send, add to tasks, and lead to them.
  notifications: 3,
  // So does the list of tenants to what their syncs ask.
  sync: 3,
  // It works in the tenant that the frame names.
  provisioning: 4,
};
const jobsFloor = 5;
/** `main.tsx` and `screens.ts`, which know all rooms. */
const consoleRoof = 6;

/** What pages are made of. Beside it they load nothing. */
const consolePackages: ReadonlySet<string> = new Set([
  "@azure/msal-browser",
  "@fluentui/react-components",
  "@fluentui/react-icons",
  "@lingui/core",
  "@tanstack/react-query",
  "@tanstack/react-router",
  "@tanstack/react-virtual",
  "react",
  "react-dom",
]);

/** Everything else in the repository stays out of what is deployed. */
const deployed = /^(functions|shared)\//;
const housed = /^(functions|shared|clients|console|local|relay|audit|backup)\//;
/** What runs elsewhere, in a browser or at somebody's terminal: of the app it knows only types. */
const outside = /^(clients|console)\//;
/** Pages run in browsers; what builds them does not. */
const inPages = /^console\/(?!vite\.config\.ts$)/;

/** What no line of code may contain, and where it may all the same. */
const bans: readonly Ban[] = [
  {
    rule: "shared code is handed its clock, chance and settings",
    within: /^shared\//,
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.env\b|\bperformance\.now\b/,
    except: { "shared/kernel/clock.ts": "the only place that reads the machine's clock" },
  },
  {
    rule: "status numbers belong to shared/http",
    within: deployed,
    pattern:
      /(?<![\w.])(?:4(?:0[1-9]|1[0-8]|2[1-9]|31)|50[1-9])(?![\w.])|status\w*\W{1,6}(?:400|500)\b|\bcase (?:400|500):/i,
    except: {
      "shared/http/": "this is their home",
      "shared/storage/calls.ts": "Azure Storage's own answers",
      "shared/graph/": "Microsoft Graph's own answers",
      "shared/configmgr/": "AdminService's own answers",
      "shared/partner-center/": "Partner Center's own answers",
      "shared/identity/": "the sign-in service's own answers",
      "shared/webhooks/post.ts": "receivers' own answers",
    },
  },
  {
    rule: "zod comes as a namespace: by name, all its fifty languages are bundled",
    within: deployed,
    pattern: /\bimport \{ (?:type )?z \} from\b/,
    except: {},
  },
  {
    rule: "no default exports",
    within: housed,
    pattern: /\bexport default\b/,
    except: { "console/vite.config.ts": "Vite reads it so" },
  },
  {
    rule: "every text of a page is a text node",
    within: /^console\//,
    pattern: /\bdangerouslySetInnerHTML\b|\b(?:inner|outer)HTML\b|\binsertAdjacentHTML\b/,
    except: {},
  },
];

const vagueNames = /(^|[-./])(utils?|helpers?|managers?|common|misc)([-./]|$)/;
/** A file tells one story: from 300 lines on think about it, above this it has two. */
const maxLines = 500;

/** All breaches of the house's rules in one file. */
export const judge = (source: Source): Breach[] => [
  ...importsOf(source.text).flatMap(({ name, typeOnly }) => {
    const target = targetOf(source.path, name);
    if (inPages.test(source.path)) return wrongInPages(source.path, name, target, typeOnly);
    return target
      ? wrongRoom(source.path, target, typeOnly)
      : wrongPackage(source.path, name, typeOnly);
  }),
  ...bans.flatMap((ban) => bannedIn(source, ban)),
  ...wrongShape(source),
];

/** Whoever signs in by hand sends nothing where a redirect leads either, and MSAL is spoken to in one place. */
const alsoLocal: ReadonlySet<string> = new Set(["shared/identity/network.ts"]);

function wrongRoom(path: string, target: string, typeOnly: boolean): Breach[] {
  const breach = (rule: string): Breach[] => [{ rule, path, detail: `imports ${target}` }];
  if (outside.test(path) && deployed.test(target))
    return typeOnly ? [] : breach("what calls the API knows only types of the app");
  if (!deployed.test(path)) {
    // Beside the house: its own folder, the words of floor 0, and nothing of the app itself.
    const allowed = !path.startsWith("local/") || !deployed.test(target);
    return allowed || roomOf(target) === "shared/kernel" || alsoLocal.has(target)
      ? []
      : breach("local runs dist, not sources");
  }
  if (!deployed.test(target)) return breach("the app imports nothing from beside it");
  const [from, to] = [roomOf(path), roomOf(target)];
  const [above, below] = [floors[from], floors[to]];
  if (above === undefined) return breach(`unknown room ${from}`);
  if (below === undefined) return breach(`unknown room ${to}`);
  if (from === to) return from === "functions" ? wrongJob(path, target) : [];
  return below < above ? [] : breach("rooms import from lower floors only");
}

/** Of the app a page knows types alone; it runs on the typed client, its own rooms below it, and listed packages. */
function wrongInPages(
  path: string,
  name: string,
  target: string | undefined,
  typeOnly: boolean,
): Breach[] {
  const breach = (rule: string): Breach[] => [{ rule, path, detail: `imports ${target ?? name}` }];
  if (target === undefined)
    return consolePackages.has(packageOf(name)) ? [] : breach("pages have their listed packages");
  if (deployed.test(target)) return wrongRoom(path, target, typeOnly);
  if (target.startsWith("clients/")) return [];
  if (!target.startsWith("console/")) return breach("pages import nothing from beside them");
  const [from, to] = [path, target].map((file) => {
    const room = /^console\/([^/]+)\//.exec(file)?.[1];
    return { room, floor: room === undefined ? consoleRoof : (consoleFloors[room] ?? jobsFloor) };
  });
  if (from === undefined || to === undefined || from.room === to.room) return [];
  return to.floor < from.floor ? [] : breach("rooms of the console import downwards only");
}

/** A trigger may use what all triggers share, and no other job's. */
function wrongJob(path: string, target: string): Breach[] {
  const job = /^functions\/([^/]+)\/.+$/;
  const [from, to] = [job.exec(path)?.[1], job.exec(target)?.[1]];
  if (from === undefined || to === undefined || from === to) return [];
  return [{ rule: "jobs do not import each other's triggers", path, detail: `imports ${target}` }];
}

function wrongPackage(path: string, name: string, typeOnly: boolean): Breach[] {
  const wanted = packageOf(name);
  const detail = `imports ${name}`;
  if (path === "clients/api.ts" && !typeOnly)
    return [{ rule: "the client runs in a browser, on nothing but fetch", path, detail }];
  if (!deployed.test(path)) return [];
  if (wanted.startsWith("node:")) {
    const allowed = !path.startsWith("shared/kernel/") || wanted === "node:crypto";
    return allowed
      ? []
      : [{ rule: "the kernel imports zod and node:crypto at most", path, detail }];
  }
  const may = [...(packages[wanted] ?? []), ...(typeOnly ? (typesOnly[wanted] ?? []) : [])];
  const allowed = may.some((place) =>
    place.endsWith("/") ? path.startsWith(place) : path === place,
  );
  return allowed ? [] : [{ rule: "each package has its listed importers", path, detail }];
}

function wrongShape({ path, text }: Source): Breach[] {
  if (!housed.test(path)) return [];
  const checks: readonly (readonly [boolean, string, string])[] = [
    [lineCount(text) > maxLines, `at most ${maxLines} lines a file`, `${lineCount(text)} lines`],
    [vagueNames.test(path), "a name says what the file answers for", path],
    [!/^(#!.*\n)?\/\*\*/.test(text), "a file opens with what it answers for", text.slice(0, 40)],
    [
      !holdsTriggers(path, text),
      "functions/<job>/ holds *.http.ts, *.queue.ts and *.timer.ts",
      path,
    ],
  ];
  return checks.flatMap(([wrong, rule, detail]) => (wrong ? [{ rule, path, detail }] : []));
}

/** Files in a job's folder: the operations of one resource in one file; queue and timer functions one a file. */
function holdsTriggers(path: string, text: string): boolean {
  if (!/^functions\/[^/]+\//.test(path)) return true;
  const values = text.match(/^export (?:const|async function|function) \w+/gm) ?? [];
  return path.endsWith(".http.ts") || (/\.(queue|timer)\.ts$/.test(path) && values.length === 1);
}

/** A source's name without what its kind adds to it. */
const bareName = (path: string): string =>
  path.replace(/^.*\//, "").replace(/(\.(http|queue|timer|test))?\.m?tsx?$|\.mjs$/, "");

/** Tests that have no source of their name, and do not say in their first line what they hold instead. */
export function unexplained(tests: readonly Source[], sources: readonly string[]): string[] {
  const names = new Set(sources.map(bareName));
  return tests.flatMap(({ path, text }) =>
    names.has(bareName(path)) || text.startsWith("/**") ? [] : [path],
  );
}

const maxFiles = 12;
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** Folders with more source files than a reader can keep in mind. */
export function crowdedFolders(sources: readonly Source[]): string[] {
  const counts = new Map<string, number>();
  for (const { path } of sources) {
    const folder = folderOf(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].flatMap(([folder, count]) =>
    count > maxFiles ? [`${folder}: ${count} files, at most ${maxFiles}`] : [],
  );
}

/** Below this a file that serves one other is a page to turn for nothing. */
const fewLines = 30;
const triggers = /^functions\/[^/]+\/(?:[^/]+\/)?[^/]+\.(http|queue|timer)\.ts$/;
/** So are the console's screens; a page is a chunk of its own. */
const screenFiles = /^console\/(?:[^/]+\/)?(?:screens\.ts|[^/]+-page\.tsx)$/;

/**
 * Short files that one other file imports. A trigger is listed once and no more; a file that exports nothing is
 * started by its name.
 */
export function crumbs(sources: readonly Source[]): string[] {
  const importers = new Map<string, number>();
  for (const { path, text } of sources)
    for (const target of new Set(importsOf(text).map(({ name }) => targetOf(path, name))))
      if (target !== undefined) importers.set(target, (importers.get(target) ?? 0) + 1);
  return sources.flatMap(({ path, text }) => {
    const isEntry = triggers.test(path) || screenFiles.test(path) || !/^export /m.test(text);
    const count = importers.get(path) ?? 0;
    return isEntry || lineCount(text) >= fewLines || count >= 2
      ? []
      : [`${path}: ${lineCount(text)} lines for ${count} importer(s)`];
  });
}

const maxFloors = 5;

/**
 * Chains of imports, types too, within one folder that are longer than a reader can follow; a circle is the longest.
 * The console is not asked: its lists of screens name pages, which load when they are opened and name their screens.
 */
export function deepFolders(sources: readonly Source[]): string[] {
  const below = new Map(
    sources
      .filter(({ path }) => /^(?:shared|functions|clients)\//.test(path))
      .map(({ path, text }) => {
        const targets = importsOf(text).map(({ name }) => targetOf(path, name));
        return [path, targets.filter((each) => each && folderOf(each) === folderOf(path))];
      }),
  );
  const longestFrom = (path: string, above: readonly string[] = []): readonly string[] =>
    above.length > maxFloors || !below.has(path)
      ? above
      : (below.get(path) ?? [])
          .map((each) => longestFrom(each ?? "", [...above, path]))
          .reduce((most, each) => (each.length > most.length ? each : most), [...above, path]);
  return [...below.keys()].flatMap((path) => {
    const chain = longestFrom(path);
    return chain.length > maxFloors ? [`${chain.join(" > ")}: at most ${maxFloors} floors`] : [];
  });
}

/** Names of one room that differ only by -ing, -s or -er: of its files, and of what they export. */
export function twins(sources: readonly Source[]): string[] {
  const alike = new Map<string, Set<string>>();
  const add = (room: string, sort: string, name: string) => {
    const key = `${room} ${sort} ${stemOf(name)}`;
    alike.set(key, (alike.get(key) ?? new Set()).add(name));
  };
  for (const { path, text } of sources) {
    const room = /^(?:shared|local|console)\/[^/]+|^[^/]+/.exec(path)?.[0] ?? "";
    const file = /([^/]+)\.tsx?$/.exec(path)?.[1] ?? "";
    if (!triggers.test(path)) add(room, "file", file);
    const exported =
      /^export (?:abstract |async )?(const|function\*?|class|type|interface) (\w+)/gm;
    for (const [, sort = "", name = ""] of text.matchAll(exported))
      add(room, sort === "type" || sort === "interface" ? "type" : "value", name);
  }
  return [...alike].flatMap(([key, names]) =>
    names.size > 1 ? [`${key.split(" ")[0]}: ${[...names].join(", ")}`] : [],
  );
}

/** A name whose words have lost such endings, and the letter that they double or drop. */
const stemOf = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .split("-")
    .map((word) =>
      word
        .replace(/ies$/, "y")
        .replace(/(?<=..)(?:ing|ers?|e?s)$/, "")
        .replace(/([^aeiou])\1$/, "$1")
        .replace(/e$/, ""),
    )
    .join("-");

/** `shared/<room>`, or `functions`. */
function roomOf(path: string): string {
  const [top, room] = path.split("/");
  return top === "shared" ? `${top}/${room}` : String(top);
}

/** Exceptions that name nothing any more, so that the tables do not rot. */
export const idleExceptions = (sources: readonly Source[]): string[] =>
  bans
    .flatMap((ban) => Object.keys(ban.except))
    .filter(
      (key) => !key.endsWith("/") && !sources.some(({ path }) => listed({ [key]: "" }, path)),
    );
