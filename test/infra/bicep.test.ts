/** What is deployed to Azure can be read, holds together, and opens no door: each rule is seen to catch a fault that breaks it. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { staysPrivate } from "../../shared/kernel/values.ts";
import { type BicepFile, bicepReader } from "../support/bicep.ts";

const read = await bicepReader();
const texts = new Map(
  globSync("infra/**/*.{bicep,json}")
    .concat("azure.yaml", "host.json")
    .map((path) => [path, readFileSync(path, "utf8")]),
);

type Files = ReadonlyMap<string, BicepFile>;
type Rule = (path: string, file: BicepFile, files: Files) => readonly string[];

/** What is wrong in these texts, a line for each fault. */
function faultsIn(all: ReadonlyMap<string, string>): string[] {
  const bicep = [...all].filter(([path]) => path.endsWith(".bicep"));
  const files = new Map(bicep.map(([path, text]) => [path, read(text)]));
  return [
    ...[...files].flatMap(([path, file]) =>
      rules.flatMap((rule) => rule(path, file, files).map((fault) => `${path}: ${fault}`)),
    ),
    ...[...all].flatMap(([path, text]) => plainAddresses(text).map((each) => `${path}: ${each}`)),
    ...strangeResources(files),
  ];
}

/** Built-in functions and decorators that are used here: a name that is not among them is a slip. */
const functions = new Set(
  [
    "allowed concat contains deployer description empty environment export filter flatten guid join loadJsonContent loadTextContent map maxLength",
    "maxValue metadata minLength minValue replace resourceGroup sealed secure string subscription subscriptionResourceId take tenant toLower",
    "union uniqueString utcNow",
  ].flatMap((line) => line.split(" ")),
);

/** Names that Bicep itself knows. */
const words = new Set(["object", "string", "int", "bool", "array", "null"]);

function declaredIn(file: BicepFile): Set<string> {
  const symbols = [...file.resources, ...file.modules].map(({ symbol }) => symbol);
  const imported = file.imports.flatMap(({ names }) => names);
  return new Set([
    ...file.params.keys(),
    ...file.variables.keys(),
    ...file.types.keys(),
    ...file.locals,
    ...symbols,
    ...imported,
  ]);
}

const isBicep: Rule = (_path, { errors }) => errors.map((each) => `is no Bicep at ${each}`);

const resolves: Rule = (_path, file) => {
  const declared = declaredIn(file);
  const known = (name: string) =>
    declared.has(name) || functions.has(name) || words.has(name) || file.calls.has(name);
  return [
    ...[...file.used].filter((name) => !known(name)).map((name) => `nothing is called ${name}`),
    ...[...file.calls].filter((name) => !functions.has(name)).map((name) => `no function ${name}`),
  ];
};

const isUsed: Rule = (_path, { params, variables, used }) =>
  [...params.keys(), ...variables.keys()]
    .filter((name) => !used.has(name))
    .map((name) => `nobody uses ${name}`);

const loads: Rule = (path, file, files) => {
  const missing = (name: string) =>
    !files.has(join(dirname(path), name)) && !texts.has(join(dirname(path), name));
  const loaded = [...file.variables.values()].flatMap(
    (text) => /^loadJsonContent\('(.+)'\)$/.exec(text)?.[1] ?? [],
  );
  const aliases = Object.keys(JSON.parse(texts.get("infra/bicepconfig.json") ?? "").extensions);
  return [
    ...[...loaded, ...file.imports.map((each) => each.path)]
      .filter(missing)
      .map((name) => `there is no ${name}`),
    ...file.extensions
      .filter((name) => !aliases.includes(name))
      .map((name) => `bicepconfig.json knows no extension ${name}`),
  ];
};

const passes: Rule = (path, file, files) =>
  file.modules.flatMap(({ symbol, path: to, params }) => {
    const target = files.get(join(dirname(path), to));
    if (target === undefined) return [`module ${symbol}: there is no ${to}`];
    const unknown = params.filter((name) => !target.params.has(name));
    const needed = [...target.params].flatMap(([name, { isRequired }]) => (isRequired ? name : []));
    const outputs = file.reads
      .filter((each) => each.symbol === symbol && !target.outputs.has(each.output))
      .map(({ output }) => output);
    return [
      ...unknown.map((name) => `module ${symbol} takes no ${name}`),
      ...needed
        .filter((name) => !params.includes(name))
        .map((name) => `module ${symbol} is not given ${name}`),
      ...outputs.map((name) => `module ${symbol} has no output ${name}`),
    ];
  });

/** Outputs stand in the history of deployments, for everybody who may read the resource group. */
const secrets =
  /\blist[A-Z]\w*\(|ConnectionString|InstrumentationKey|[pP]assword|[sS]ecret|primaryKey/;
const secretNames = /secret|password|token$|connectionString/i;

const hidesSecrets: Rule = (_path, { params, outputs, variables }) => {
  const secure = [...params].flatMap(([name, { isSecure }]) => (isSecure ? name : []));
  const tells = (text: string, depth = 3): boolean =>
    secrets.test(text) ||
    secure.some((name) => new RegExp(`\\b${name}\\b`).test(text)) ||
    (depth > 0 &&
      [...variables].some(
        ([name, value]) => new RegExp(`\\b${name}\\b`).test(text) && tells(value, depth - 1),
      ));
  return [
    ...[...outputs].filter(([, text]) => tells(text)).map(([name]) => `output ${name} is a secret`),
    ...[...params]
      .filter(([name, { isSecure }]) => secretNames.test(name) && !isSecure)
      .map(([name]) => `parameter ${name} is not @secure`),
  ];
};

/** What every resource of a type must say, in so many words. */
const musts: readonly (readonly [type: string, property: string, value: RegExp])[] = [
  ["Microsoft.Storage/storageAccounts", "properties.allowSharedKeyAccess", /^false$/],
  ["Microsoft.Storage/storageAccounts", "properties.allowBlobPublicAccess", /^false$/],
  ["Microsoft.Storage/storageAccounts", "properties.supportsHttpsTrafficOnly", /^true$/],
  ["Microsoft.Storage/storageAccounts", "properties.minimumTlsVersion", /^'TLS1_[23]'$/],
  ["Microsoft.Storage/storageAccounts/blobServices/containers", "properties.publicAccess", /None/],
  ["Microsoft.KeyVault/vaults", "properties.enableRbacAuthorization", /^true$/],
  ["Microsoft.KeyVault/vaults", "properties.enablePurgeProtection", /^true$/],
  ["Microsoft.Insights/components", "properties.DisableLocalAuth", /^true$/],
  ["Microsoft.Insights/components", "properties.WorkspaceResourceId", /^workspace\.id$/],
  ["Microsoft.Web/sites", "properties.httpsOnly", /^true$/],
  ["Microsoft.Web/sites", "identity.type", /^'UserAssigned'$/],
  ["Microsoft.Web/sites", "properties.siteConfig.minTlsVersion", /^'1\.[23]'$/],
  ["Microsoft.Web/sites", "properties.siteConfig.ftpsState", /^'Disabled'$/],
  ["Microsoft.Web/sites", "properties.functionAppConfig.runtime.version", /^'24'$/],
  ["Microsoft.Web/serverfarms", "sku.name", /^'FC1'$/],
  ["Microsoft.Web/sites/basicPublishingCredentialsPolicies", "properties.allow", /^false$/],
  ["Microsoft.Cdn/profiles/afdEndpoints/routes", "properties.forwardingProtocol", /^'HttpsOnly'$/],
  ["Microsoft.Cdn/profiles/afdEndpoints/routes", "properties.supportedProtocols", /^[^p]*Https'/],
  ["Microsoft.Cdn/profiles/ruleSets/rules", "properties.actions", /'x-ms-invocation-id'/],
  ["Microsoft.Cdn/profiles/ruleSets/rules", "properties.actions", /'Strict-Transport-Security'/],
];

const opensNoDoor: Rule = (_path, { resources }) =>
  resources
    .filter(({ isExisting }) => !isExisting)
    .flatMap(({ symbol, type, body }) =>
      musts
        .filter(([of, property, value]) => isOf(type, of) && !value.test(body.get(property) ?? ""))
        .map(([, property]) => `${symbol} must say otherwise: ${property}`),
    );

/** A nested resource is named without what it is nested in. */
const isOf = (type: string, of: string): boolean => {
  const [name = ""] = type.split("@");
  return name === of || (!name.includes("/") && of.endsWith(`/${name}`));
};

/** A rule for a type that nothing is of guards nothing; one version a type, so that nobody wonders. */
function strangeResources(files: Files): string[] {
  const types = [...files.values()].flatMap(({ resources }) => resources.map(({ type }) => type));
  const versions = Map.groupBy(new Set(types), (type) => type.split("@")[0]);
  return [
    ...musts
      .filter(([of]) => !types.some((type) => isOf(type, of)))
      .map(([of]) => `no resource is a ${of}`),
    ...[...versions]
      .filter(([, all]) => all.length > 1)
      .map(([name]) => `${name} is written in several versions`),
  ];
}

/** Addresses that somebody on the way can read. Names of XML and JSON schemas are none. */
const plainAddresses = (text: string): string[] =>
  (text.match(/\bhttp:\/\/[^\s'"`]*/g) ?? [])
    .filter((address) => !staysPrivate(address))
    .map((address) => `${address} is not private`);

const rules = [isBicep, resolves, isUsed, loads, passes, hidesSecrets, opensNoDoor];

test("what is deployed is Bicep, holds together, and opens no door", () => {
  expect(texts.size).toBeGreaterThan(15);
  expect(faultsIn(texts)).toEqual([]);
});

const main = "infra/main.bicep";
const of = (name: string) => `infra/modules/${name}.bicep`;
/** A fault in a file, and what has to be said of it. */
const faults: readonly (readonly [
  what: string,
  path: string,
  from: string | RegExp,
  to: string,
  said: string,
])[] = [
  [
    "a lost bracket",
    main,
    "module vault 'modules/vault.bicep' = {",
    "module vault 'modules/vault.bicep' =",
    "is no Bicep",
  ],
  ["a name that is not there", of("app"), "name: name\n", "name: nam\n", "nothing is called nam"],
  ["a function that is not there", main, "toLower('kv", "lower('kv", "no function lower"],
  [
    "a parameter for nothing",
    of("budget"),
    "param name string",
    "param name string\nparam age int",
    "nobody uses age",
  ],
  [
    "a module that is not there",
    main,
    "'modules/budget.bicep'",
    "'modules/money.bicep'",
    "there is no modules/money.bicep",
  ],
  [
    "a JSON file that is not there",
    of("storage"),
    "../names.json",
    "../nouns.json",
    "there is no ../nouns.json",
  ],
  [
    "an extension that is not there",
    of("apps"),
    "microsoftGraphV1",
    "microsoftGraphV2",
    "knows no extension",
  ],
  [
    "a parameter that a module does not take",
    main,
    "budgetAmount\n",
    "budgetAmount\n    currency: 'EUR'\n",
    "module budget takes no currency",
  ],
  [
    "a parameter that a module is not given",
    main,
    "    amount: budgetAmount\n",
    "",
    "module budget is not given amount",
  ],
  [
    "an output that a module does not have",
    main,
    "app.outputs.hostName",
    "app.outputs.host",
    "module app has no output host",
  ],
  [
    "a key as an output",
    of("storage"),
    "output name string = account.name",
    "output name string = account.listKeys().keys[0].value",
    "output name is a secret",
  ],
  [
    "a connection string as an output by way of a variable",
    of("app"),
    "output name string = site.name",
    "output name object = platformSettings",
    "output name is a secret",
  ],
  [
    "a secure parameter as an output",
    of("budget"),
    "param name string",
    "@secure()\nparam name string\noutput told string = name",
    "output told is a secret",
  ],
  [
    "a secret in the open",
    of("app"),
    "param storageName string",
    "param clientSecret string\nparam storageName string",
    "clientSecret is not @secure",
  ],
  [
    "shared keys",
    of("storage"),
    "allowSharedKeyAccess: false",
    "allowSharedKeyAccess: true",
    "allowSharedKeyAccess",
  ],
  ["public blobs", of("storage"), "allowBlobPublicAccess: false", "", "allowBlobPublicAccess"],
  [
    "a vault that can be purged",
    of("vault"),
    "enablePurgeProtection: true",
    "enablePurgeProtection: false",
    "enablePurgeProtection",
  ],
  ["an app that answers in plain", of("app"), "httpsOnly: true", "httpsOnly: false", "httpsOnly"],
  ["publishing by password", of("app"), "allow: false", "allow: true", "properties.allow"],
  [
    "a front end that speaks in plain",
    of("front"),
    "'HttpsOnly'",
    "'MatchRequest'",
    "forwardingProtocol",
  ],
  [
    "a front end that lets the header through",
    of("front"),
    "x-ms-invocation-id",
    "x-other",
    "properties.actions",
  ],
  [
    "another version of a type",
    of("roles"),
    "vaults@2023-07-01",
    "vaults@2023-02-01",
    "several versions",
  ],
  [
    "a plain address in Bicep",
    main,
    "'https://graph.microsoft.com'",
    "'http://graph.microsoft.com'",
    "is not private",
  ],
  [
    "a plain address in JSON",
    "infra/main.parameters.json",
    "https://schema",
    "http://schema",
    "is not private",
  ],
];

test.each(faults)("%s is seen", (_what, path, from, to, said) => {
  const text = texts.get(path) ?? "";
  const broken = text.replace(from, () => to);
  expect(broken).not.toBe(text);
  expect(faultsIn(new Map([...texts, [path, broken]]))).toContainEqual(
    expect.stringMatching(
      new RegExp(`^(?:${path.replaceAll(".", "\\.")}: )?.*${said.replaceAll(/[.?*]/g, "\\$&")}`),
    ),
  );
});

test("a plain address of this very machine is none that is refused", () => {
  expect(plainAddresses("'http://127.0.0.1:7071/api' 'http://localhost'")).toEqual([]);
});
