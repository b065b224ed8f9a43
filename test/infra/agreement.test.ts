/** What is deployed and what the code assumes agree, both ways: each comparison is seen to catch a fault on either side. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { functions } from "../../functions/functions.ts";
import { readSettings } from "../../functions/settings.ts";
import { partnerKinds } from "../../shared/registration/partner/relationship.ts";
import { queueNames, tableNames } from "../../shared/storage/names.ts";
import { configurationTypes, requiredPermissions } from "../../shared/sync/catalogue/catalogue.ts";
import { bicepReader } from "../support/bicep.ts";
import { broken } from "./broken.ts";

const read = await bicepReader();
const paths = [
  ...globSync("{infra,functions,shared}/**/*.{bicep,json,ts,kql}"),
  "README.md",
  "docs/provisioning.md",
  "docs/azure.md",
  "docs/operations.md",
  "local.settings.example.json",
];
const texts = new Map(paths.map((path) => [path, readFileSync(path, "utf8")]));
type Texts = ReadonlyMap<string, string>;

const bicepOf = (all: Texts, name: string) => read(all.get(`infra/${name}.bicep`) ?? "");
const jsonOf = (all: Texts, path: string): unknown => JSON.parse(all.get(path) ?? "");
const codeOf = (all: Texts): string =>
  [...all].flatMap(([path, text]) => (path.endsWith(".ts") ? text : [])).join("\n");
const found = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name)),
];

/** Names of the one side that the other does not have, and the other way. */
function differences(what: string, here: Iterable<string>, there: Iterable<string>): string[] {
  const [left, right] = [new Set(here), new Set(there)];
  return [
    ...[...left]
      .filter((name) => !right.has(name))
      .map((name) => `${what}: only the code has ${name}`),
    ...[...right]
      .filter((name) => !left.has(name))
      .map((name) => `${what}: the code has no ${name}`),
  ];
}

type Names = {
  readonly tables: string[];
  readonly queues: string[];
  readonly containers: string[];
};

/** Tables, queues and the container. */
function names(all: Texts): string[] {
  const { tables, queues, containers } = jsonOf(all, "infra/names.json") as Names;
  const storage = all.get("shared/storage/storage.ts") ?? "";
  const listening = functions.flatMap((each) =>
    each.kind === "queue" ? [each.name as string] : [],
  );
  return [
    ...differences("tables", Object.values(tableNames), tables),
    ...differences("queues", Object.values(queueNames), queues),
    ...differences("queues that are listened to", listening, queues),
    ...differences("containers", found(storage, /^const containerName = "(.+)";/gm), containers),
  ];
}

/** For one machine, or instead of an identity: Azure is not given them. */
const notDeployed = [
  "AzureWebJobsStorage",
  "MUSTER_ADMIN_TOKEN",
  "MUSTER_KEY_FILE",
  "MUSTER_CONSOLE_LOCAL_AUTHORITY",
  "MUSTER_WEBHOOKS_TO_LOOPBACK",
  "MUSTER_CLIENT_SECRET",
  "MUSTER_CLIENT_CERTIFICATE_SHA256",
  "MUSTER_CLIENT_CERTIFICATE_KEY",
];
/** What the platform and its libraries read; the code at most takes it from there. */
const platforms = [
  "APPLICATION_INSIGHTS_NO_STATSBEAT",
  "AzureWebJobsDisableHomepage",
  "AzureWebJobsStorage__credential",
  "APPLICATIONINSIGHTS_CONNECTION_STRING",
  "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
];

/** Every setting that the code reads is checked at the start, deployed and documented; nothing else is deployed. */
function settings(all: Texts): string[] {
  const checked = found(
    all.get("functions/settings.ts") ?? "",
    /^ {2}((?:MUSTER|AzureWebJobs)\w+):/gm,
  );
  const named = found(codeOf(all), /["'`\s[.{]((?:MUSTER_|AzureWebJobsStorage)\w*)\b/g);
  const { types, variables } = bicepOf(all, "modules/app");
  const platform = found(variables.get("platformSettings") ?? "", /^ {2}(\w+):/gm);
  const deployed = [
    ...(types.get("AppSettings") ?? []),
    ...(types.get("Tunables") ?? []),
    ...platform,
  ];
  const documented = found(
    all.get("docs/azure.md") ?? "",
    /`((?:MUSTER_|AzureWebJobsStorage)\w*)`/g,
  );
  const example = Object.keys(
    (jsonOf(all, "local.settings.example.json") as { Values: object }).Values,
  );
  return [
    ...differences("settings that are checked", named, checked),
    ...differences("settings that are deployed", checked, [
      ...deployed.filter((name) => !platforms.includes(name)),
      ...notDeployed,
    ]),
    ...deployed
      .filter((name) => notDeployed.includes(name))
      .map((name) => `settings: ${name} is deployed, and must not be`),
    ...platforms
      .filter((name) => !deployed.includes(name))
      .map((name) => `settings: ${name} is not deployed`),
    ...differences(
      "settings in docs/azure.md",
      checked,
      documented.filter((name) => !platforms.includes(name)),
    ),
    ...example
      .filter((name) => name !== "FUNCTIONS_WORKER_RUNTIME" && !checked.includes(name))
      .map((name) => `settings of the example: the code has no ${name}`),
    ...differences(
      "kinds of partners",
      partnerKinds,
      found(
        /@allowed\((.*)\)\nparam partnerKind/.exec(all.get("infra/main.bicep") ?? "")?.[1] ?? "",
        /'(\w+)'/g,
      ),
    ),
  ];
}

/** Ids of built-in roles, which are the same in every tenant (Microsoft's list of Azure built-in roles), and what in the code each is for. */
const roles: Readonly<Record<string, { readonly id: string; readonly for: RegExp }>> = {
  storageBlobDataOwner: {
    id: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    for: /from "@azure\/storage-blob"/,
  },
  storageQueueDataContributor: {
    id: "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    for: /from "@azure\/storage-queue"/,
  },
  storageTableDataContributor: {
    id: "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    for: /from "@azure\/data-tables"/,
  },
  keyVaultCryptoServiceEncryptionUser: {
    id: "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    for: /\.unwrapKey\(/,
  },
};

/** The app holds a role for each service that it calls, and no other; publishing metrics is telemetry's, the host's and the app's. */
function rights(all: Texts): string[] {
  const { variables } = bicepOf(all, "main");
  const ids = new Map(
    [...(variables.get("roles") ?? "").matchAll(/(\w+): '(.+)'/g)].map(([, name = "", id = ""]) => [
      name,
      id,
    ]),
  );
  const given = found(variables.get("assignments") ?? "", /role: roles\.(\w+)/g);
  const code = codeOf(all);
  return [
    ...differences("roles", [...Object.keys(roles), "monitoringMetricsPublisher"], given),
    ...Object.entries(roles).flatMap(([name, { id, for: use }]) => [
      ...(ids.get(name) === id ? [] : [`roles: ${name} has another id`]),
      ...(use.test(code) ? [] : [`roles: nothing in the code needs ${name}`]),
    ]),
    // Whoever may wrap and unwrap may not sign, or read secrets.
    ...found(code, /from "(@azure\/keyvault-(?!keys)\w+)"/g).map(
      (name) => `roles: none is for ${name}`,
    ),
  ];
}

/** Lines of the log that an operator must hear of. */
const alarming =
  /log\("([\w.-]*(?:poison(?:-failed)?|dead-letter|overdue|\.lose|sweep|sweep-purges|\.fail))"/g;

function alerts(all: Texts): string[] {
  const { variables } = bicepOf(all, "modules/alerts");
  const watched = found(variables.get("eventAlerts") ?? "", /'([a-z]+\.[a-z-]+)'/g);
  const queries = variables.get("queryAlerts") ?? "";
  const events = found(codeOf(all), /log\("([\w.-]+)"/g);
  const codes = found(all.get("shared/kernel/failure.ts") ?? "", /^ {2}\| "([\w-]+)"/gm);
  const timers = functions.flatMap((each) => (each.kind === "timer" ? [each.name] : []));
  const named = (pattern: RegExp, known: readonly string[]) =>
    found(queries, pattern).filter((name) => !known.includes(name));
  return [
    ...differences("alerts", found(codeOf(all), alarming), watched),
    ...[
      ...named(/line\.event == "([^"]+)"/g, events),
      ...named(/line\.code == "([^"]+)"/g, codes),
      ...named(/Name == "([^"]+) Count"/g, timers),
    ].map((name) => `alerts: the code has no ${name}`),
  ];
}

/** What is counted has its place in the documents, and saved queries ask for what there is. */
function telemetry(all: Texts): string[] {
  const counted = found(codeOf(all), /\b(?:count|seconds)\(\s*"(muster\.[\w.]+)"/g);
  const queries = [...all].filter(([path]) => path.endsWith(".kql"));
  const asked = queries.flatMap(([, text]) => found(text, /"(muster\.[a-z]+\.?[a-z]*)"(?!\])/g));
  const { calls, texts: said } = bicepOf(all, "modules/workbook");
  const loaded = said.flatMap((text) => found(text, /^(\.\.\/queries\/.+)$/g));
  return [
    ...differences("metrics in docs/operations.md", counted, [
      ...found(all.get("docs/operations.md") ?? "", /^\| `(muster\.[\w.]+)`/gm),
    ]),
    ...asked
      .filter((name) => !counted.includes(name))
      .map((name) => `queries: nobody counts ${name}`),
    ...differences(
      "queries of the workbook",
      queries.map(([path]) => path.replace("infra/", "../")),
      calls.has("loadTextContent") ? loaded : [],
    ),
  ];
}

type Permissions = Readonly<Record<"fleet" | "provisioning" | "sync", string[]>>;

/** What a registration asks of Microsoft Graph. */
function permissions(all: Texts): string[] {
  const { fleet, provisioning, sync } = jsonOf(all, "infra/permissions.json") as Permissions;
  const needed = requiredPermissions(configurationTypes, "write").flatMap(({ by, name }) =>
    by === "app" ? name : [],
  );
  const actions =
    /\n### Types of actions\n.*?\n## /s.exec(all.get("docs/provisioning.md") ?? "")?.[0] ?? "";
  const table = /\| permission .*?\n\n/s.exec(all.get("README.md") ?? "")?.[0] ?? "";
  return [
    ...differences(
      "permissions of the fleet, as README.md has them",
      found(table, /\| `([\w.]+)`/g),
      fleet,
    ),
    ...differences("permissions of synchronisation", needed, sync),
    ...differences(
      "permissions of provisioning, as docs/provisioning.md has them beside the fleet's",
      found(actions, /`((?:Device|GroupMember|DeviceManagement\w*)\.[\w.]+)`/g).filter(
        (name) => !fleet.includes(name),
      ),
      provisioning,
    ),
  ];
}

/** An environment as main.bicep deploys it. */
function sample(all: Texts): Record<string, string> {
  const id = "0a0a0a0a-1111-4222-8333-444444444444";
  const given: Readonly<Record<string, string>> = {
    MUSTER_CLIENT_ID: id,
    MUSTER_SIGN_IN_CLIENT_ID: id,
    MUSTER_CLIENT_IDENTITY_ID: id,
    MUSTER_HOME_TENANT_IDS: id,
    MUSTER_FIRST_ADMIN: id,
    MUSTER_GRAPH_URL: "https://graph.microsoft.com",
    MUSTER_AUTHORITY_URL: "https://login.microsoftonline.com/",
    MUSTER_PARTNER_KIND: "customer",
    MUSTER_KEY_VAULT_KEY_URL: "https://kv-x.vault.azure.net/keys/muster-sealing",
    AzureWebJobsStorage__accountName: "mustx",
    AzureWebJobsStorage__clientId: id,
  };
  // What main.bicep leaves empty.
  const deployed = bicepOf(all, "modules/app").types.get("AppSettings") ?? [];
  return { ...Object.fromEntries(deployed.map((name) => [name, ""])), ...given };
}

const comparisons = [names, settings, rights, alerts, telemetry, permissions];
const faultsIn = (all: Texts): string[] => comparisons.flatMap((compare) => compare(all));

test("what is deployed and what the code assumes agree", () => {
  expect(faultsIn(texts)).toEqual([]);
});

test("the app starts with what is deployed, and without a secret", () => {
  const { credential, storage, access } = readSettings(sample(texts));
  expect(credential.kind).toBe("identity");
  expect(storage.kind).toBe("identity");
  expect(access.sealing?.kind).toBe("vault");
});

const [app, settingsFile, alertsFile] = [
  "infra/modules/app.bicep",
  "functions/settings.ts",
  "infra/modules/alerts.bicep",
];
/** A fault on one side, and what has to be said of it. */
const faults: readonly (readonly [
  what: string,
  path: string,
  from: string,
  to: string,
  said: string,
])[] = [
  [
    "a table that is not deployed",
    "infra/names.json",
    '"Jobs",',
    "",
    "tables: only the code has Jobs",
  ],
  [
    "a table that nobody uses",
    "infra/names.json",
    '"Jobs",',
    '"Jobs", "Jobses",',
    "tables: the code has no Jobses",
  ],
  [
    "a queue under another name",
    "infra/names.json",
    '"sync-work"',
    '"sync-works"',
    "queues: only the code has sync-work",
  ],
  [
    "a container under another name",
    "shared/storage/storage.ts",
    'containerName = "muster"',
    'containerName = "museum"',
    "containers: only the code has museum",
  ],
  [
    "a setting that is not checked",
    "functions/services.ts",
    "const slicePages",
    'const other = env["MUSTER_OTHER"];\nconst slicePages',
    "settings that are checked: only the code has MUSTER_OTHER",
  ],
  [
    "a setting that is not deployed",
    settingsFile,
    "  MUSTER_PUBLIC_URL:",
    "  MUSTER_NEW: x,\n  MUSTER_PUBLIC_URL:",
    "settings that are deployed: only the code has MUSTER_NEW",
  ],
  [
    "a setting that is not documented",
    settingsFile,
    "  MUSTER_PUBLIC_URL:",
    "  MUSTER_NEW: x,\n  MUSTER_PUBLIC_URL:",
    "settings in docs/azure.md: only the code has MUSTER_NEW",
  ],
  [
    "a setting that nothing reads",
    app,
    "  MUSTER_OVERDUE_SECONDS: string?",
    "  MUSTER_OVERDUE_HOURS: string?",
    "settings that are deployed: the code has no MUSTER_OVERDUE_HOURS",
  ],
  [
    "a secret among the deployed",
    app,
    "  MUSTER_CLIENT_ID: string",
    "  MUSTER_CLIENT_ID: string\n  MUSTER_CLIENT_SECRET: string",
    "MUSTER_CLIENT_SECRET is deployed, and must not be",
  ],
  [
    "a connection that the host does not find",
    app,
    "AzureWebJobsStorage__credential:",
    "AzureWebJobsStorage__kind:",
    "AzureWebJobsStorage__credential is not deployed",
  ],
  [
    "a document of a setting that is gone",
    "docs/azure.md",
    "`MUSTER_FIRST_ADMIN`",
    "`MUSTER_FIRST_ADMIN` `MUSTER_LAST_ADMIN`",
    "settings in docs/azure.md: the code has no MUSTER_LAST_ADMIN",
  ],
  [
    "a kind of partner that the code does not know",
    "infra/main.bicep",
    "'oem', ",
    "'friend', ",
    "kinds of partners: the code has no friend",
  ],
  [
    "a role that is too large",
    "infra/main.bicep",
    "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
    "keyVaultCryptoServiceEncryptionUser has another id",
  ],
  [
    "a role that is not given",
    "infra/main.bicep",
    "{ on: 'storage', role: roles.storageTableDataContributor, to: appId }",
    "",
    "roles: only the code has storageTableDataContributor",
  ],
  [
    "a role for something that is gone",
    "shared/storage/sealing.ts",
    ".unwrapKey(",
    ".openKey(",
    "nothing in the code needs keyVault",
  ],
  [
    "a metric under another name",
    "shared/fanout/engine/change-rows.ts",
    '"muster.items"',
    '"muster.things"',
    "queries: nobody counts muster.items",
  ],
  [
    "a metric that no document has",
    "shared/fanout/engine/change-rows.ts",
    '"muster.items"',
    '"muster.things"',
    "metrics in docs/operations.md: only the code has muster.things",
  ],
  [
    "a query that nobody loads",
    "infra/modules/workbook.bicep",
    "../queries/graph.kql",
    "../queries/grape.kql",
    "queries of the workbook: only the code has ../queries/graph.kql",
  ],
  [
    "a line of the log that nobody watches",
    alertsFile,
    "'audit.lose'",
    "'audit.loses'",
    "alerts: only the code has audit.lose",
  ],
  [
    "a line of the log that is gone",
    "functions/schedules/tasks-due.timer.ts",
    '"tasks.overdue"',
    '"tasks.late"',
    "alerts: the code has no tasks.overdue",
  ],
  [
    "a timer under another name",
    alertsFile,
    "tasks-timer Count",
    "tasks-clock Count",
    "alerts: the code has no tasks-clock",
  ],
  [
    "a problem code that is gone",
    alertsFile,
    "sign-in-unavailable\"'",
    "sign-in-gone\"'",
    "alerts: the code has no sign-in-gone",
  ],
  [
    "a permission that is not asked for",
    "infra/permissions.json",
    '"Policy.Read.All",',
    "",
    "synchronisation: only the code has Policy.Read.All",
  ],
  [
    "a permission for nothing",
    "infra/permissions.json",
    '"Policy.Read.All",',
    '"Policy.Read.All", "Mail.Read",',
    "synchronisation: the code has no Mail.Read",
  ],
  [
    "a permission that README.md does not have",
    "README.md",
    "| `DeviceManagementServiceConfig.Read.All` ",
    "| `Other.Read.All` ",
    "the code has no DeviceManagementServiceConfig.Read.All",
  ],
  [
    "a permission of actions that docs/provisioning.md does not have",
    "docs/provisioning.md",
    "`DeviceManagementScripts.Read.All`",
    "that of scripts",
    "the code has no DeviceManagementScripts.Read.All",
  ],
];

test.each(faults)("%s is seen", (_what, path, from, to, said) => {
  expect(faultsIn(broken(texts, path, from, to)).join("\n")).toContain(said);
});
