import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Azurite, startAzurite } from "../../../local/start/azurite.ts";
import { adminToken, type Door, openDoor, type Sent } from "../access/door.ts";
import { template } from "../support/sync-bodies.ts";

let azurite: Azurite;
let door: Door;
let tenantId: string;
let [ana, bo, operator]: string[] = [];
beforeAll(async () => {
  // Of its own: templates are of no tenant, and other tests have theirs.
  azurite = await startAzurite({});
  door = await openDoor({ connectionString: azurite.connectionString });
  tenantId = await door.fleet(2);
  const everything = { kind: "everything" } as const;
  const author = async () => (await door.holder("osDeploymentManager", everything)).token;
  [ana, bo] = [await author(), await author()];
  const inTenant = { kind: "tenants", tenantIds: [tenantId] } as const;
  operator = (await door.holder("operationsAdministrator", inTenant)).token;
});
afterAll(async () => {
  await door.stop();
  await azurite.stop();
});

type Fault = { readonly pointer: string; readonly code?: string };
const faultsOf = (body: Record<string, unknown>) =>
  ((body["errors"] ?? []) as Fault[]).map(({ pointer, code }) => `${code} ${pointer}`);
const etagOf = ({ headers }: { readonly headers: Readonly<Record<string, string>> }) =>
  String(headers["etag"] ?? headers["ETag"]);
const call = (name: string, token: string | undefined, more: Sent = {}) =>
  door.call(name, { token, ...more });
const about = (templateId: string, more: Record<string, string> = {}) => ({
  params: { templateId, ...more },
});

/** Makes one; answers its id. */
async function made(token: string | undefined, more: object = {}): Promise<string> {
  const { status, body } = await call("templates-add", token, { body: { ...template, ...more } });
  expect(status).toBe(201);
  return String(body["templateId"]);
}
const replace = (id: string, token: string | undefined, body: object, headers = {}) =>
  call("templates-replace", token, { ...about(id), body, headers });
/** Every template that somebody sees, by its id. */
async function seen(token: string | undefined): Promise<unknown[]> {
  const { body } = await call("templates-list", token, { query: "?top=1000" });
  return (body["value"] as { templateId: string }[]).map((each) => each.templateId);
}
const settle = { duration: "PT5M" };
const action = (more: object) => ({
  id: "a",
  name: "A",
  type: "wait",
  parameters: settle,
  ...more,
});
const withActions = (...sections: readonly [string, ...object[]][]) => ({
  ...template,
  sections: sections.map(([id, ...actions]) => ({ id, actions })),
});

describe("a template", () => {
  it("has a next version for what does something else, and none for the same or for another name", async () => {
    const id = await made(ana);
    const same = await replace(id, ana, { ...template, message: "the same" });
    expect(same.body).toMatchObject({ newest: { version: 1, message: "as agreed" } });
    const renamed = await replace(id, ana, { ...template, name: "Other" });
    expect(renamed.body).toMatchObject({ name: "Other", newest: { version: 1 } });
    const changed = await replace(id, ana, {
      ...template,
      message: "more",
      platforms: ["windows", "macOS"],
    });
    expect(changed.body).toMatchObject({ newest: { version: 2, message: "more", actions: 2 } });
    const { body } = await call("templates-versions", ana, about(id));
    expect(body["value"]).toMatchObject([{ version: 2 }, { version: 1, message: "as agreed" }]);
    const first = await call("templates-version", ana, about(id, { version: "1" }));
    expect(first.body).toMatchObject({ platforms: ["windows"], message: "as agreed" });
    expect((await call("templates-version", ana, about(id, { version: "3" }))).status).toBe(404);
  });

  it("is replaced and removed by whoever has read the newest only", async () => {
    const id = await made(ana);
    const old = { "if-match": etagOf(await call("templates-get", ana, about(id))) };
    expect((await replace(id, ana, { ...template, name: "Second" }, old)).status).toBe(200);
    expect((await replace(id, ana, { ...template, name: "Third" }, old)).status).toBe(412);
    const removal = { ...about(id), headers: old };
    expect((await call("templates-remove", ana, removal)).status).toBe(412);
    const now = { "if-match": etagOf(await call("templates-get", ana, about(id))) };
    expect((await call("templates-remove", ana, { ...about(id), headers: now })).status).toBe(204);
    for (const name of ["templates-get", "templates-versions", "templates-remove"])
      expect((await call(name, ana, about(id))).body["code"]).toBe("unknown-template");
    const { blobs } = door.services.storage;
    expect(await blobs.deletePrefix(`templates/${id}/`, () => false)).toBe(true);
  });

  it("that was exported makes the same version again where it is posted", async () => {
    const id = await made(ana);
    const { body } = await call("templates-version", ana, about(id, { version: "1" }));
    const again = await call("templates-add", bo, { body });
    expect(again.status).toBe(201);
    const { body: first } = await call("templates-get", ana, about(id));
    expect(again.body).toMatchObject({
      visibility: "mine",
      name: template.name,
      newest: { hash: (first["newest"] as { hash: string }).hash, version: 1 },
    });
    const copy = await call(
      "templates-version",
      bo,
      about(String(again.body["templateId"]), { version: "1" }),
    );
    expect(copy.body).toEqual(body);
  });

  it("is made once however often it is asked for under one key", async () => {
    const sent = { body: template, headers: { "idempotency-key": randomUUID() } };
    const [one, other] = [
      await call("templates-add", ana, sent),
      await call("templates-add", ana, sent),
    ];
    expect(other.body).toEqual(one.body);
    expect((await seen(ana)).filter((id) => id === one.body["templateId"])).toHaveLength(1);
  });

  it("is listed a page at a time, newest first, and its versions are", async () => {
    const ids = [await made(ana), await made(ana)];
    const pages: unknown[] = [];
    let query = "?top=1";
    for (let page = 0; page < 2; page += 1) {
      const { body } = await call("templates-list", ana, { query });
      pages.push((body["value"] as { templateId: string }[])[0]?.templateId);
      query = new URL(String(body["nextLink"])).search;
    }
    expect(pages).toEqual(ids.toReversed());
  });
});

describe("mine and public", () => {
  it("mine is seen by its owner and by who administers templates, and looks to others like none", async () => {
    const id = await made(ana, { visibility: "mine" });
    expect(
      [await seen(ana), await seen(bo), await seen(adminToken)].map((all) => all.includes(id)),
    ).toEqual([true, false, true]);
    const refused = [
      await call("templates-get", bo, about(id)),
      await call("templates-version", bo, about(id, { version: "1" })),
      await replace(id, bo, template),
      await call("templates-remove", bo, about(id)),
    ];
    const nobodys = await call("templates-get", bo, about("0".repeat(22)));
    const said = ({ status, body }: (typeof refused)[number]) =>
      `${status} ${String(body["detail"]).replace(/template \w+/, "")}`;
    for (const each of refused) expect(said(each)).toBe(said(nobodys));
    expect((await replace(id, adminToken, { ...template, visibility: "mine" })).body).toMatchObject(
      {
        owner: { kind: "user" },
      },
    );
  });

  it("public is seen by whoever may see templates in one tenant, and changed by who may change them", async () => {
    const id = await made(ana);
    expect((await call("templates-get", operator, about(id))).status).toBe(200);
    expect(await seen(operator)).toContain(id);
    for (const refused of [
      await replace(id, operator, template),
      await call("templates-add", operator, { body: template }),
      await call("templates-remove", operator, about(id)),
    ])
      expect(refused.status).toBe(403);
    expect((await replace(id, bo, { ...template, name: "Bo's words" })).body).toMatchObject({
      name: "Bo's words",
    });
  });

  it("nobody but the owner takes a public one away from the others, or makes theirs public", async () => {
    const id = await made(ana);
    const mine = { ...template, visibility: "mine" };
    expect((await replace(id, bo, mine)).body["code"]).toBe("forbidden");
    expect((await replace(id, ana, mine)).body).toMatchObject({ visibility: "mine" });
  });
});

describe("what is refused whole, with its place and a code", () => {
  it.each<[string, object, string[]]>([
    [
      "an unknown type of action",
      withActions(["systemMigration", action({ type: "formatDisk" })]),
      ["unknown-action-type /sections/0/actions/0/type"],
    ],
    [
      "a section out of order",
      withActions(["systemConfiguration"], ["systemMigration"]),
      ["section-out-of-order /sections/1/id"],
    ],
    ["an unknown section", withActions(["later"]), ["unknown-section /sections/0/id"]],
    [
      "a cyclic variable",
      { ...template, sections: [], variables: { a: { value: "{{b}}" }, b: { value: "{{a}}" } } },
      ["cyclic-variable /variables/a/value", "cyclic-variable /variables/b/value"],
    ],
    [
      "an unknown variable",
      withActions(["systemMigration", action({ parameters: { duration: "PT{{minutes}}M" } })]),
      ["unknown-variable /sections/0/actions/0/parameters/duration"],
    ],
    [
      "an action where its type may not stand",
      withActions(["systemConfiguration", action({ type: "autopilotReset", parameters: {} })]),
      ["misplaced-action /sections/0/actions/0/type"],
    ],
    [
      "a type that no platform of the template takes",
      {
        ...withActions(["osInstallation", action({ type: "autopilotReset", parameters: {} })]),
        platforms: ["iOS"],
      },
      ["no-platform /sections/0/actions/0/type"],
    ],
    [
      "parameters that the type does not take",
      withActions(["systemMigration", action({ parameters: { duration: "soon", until: 1 } })]),
      [
        "invalid-parameter /sections/0/actions/0/parameters/duration",
        "invalid-parameter /sections/0/actions/0/parameters/until",
      ],
    ],
    [
      "a condition on what is not known of a device",
      withActions([
        "systemMigration",
        action({ when: { property: "colour", operator: "equals", value: "red" } }),
      ]),
      ["invalid-condition /sections/0/actions/0/when/property"],
    ],
    [
      "one id twice",
      withActions(["systemMigration", action({}), action({})]),
      ["duplicate-action /sections/0/actions/1/id"],
    ],
  ])("%s", async (_, body, expected) => {
    const id = await made(ana);
    const answers = [await call("templates-add", ana, { body }), await replace(id, ana, body)];
    for (const { status, body: told } of answers) {
      expect([status, told["code"]]).toEqual([400, "invalid-request"]);
      expect(faultsOf(told)).toEqual(expected);
    }
    const { body: kept } = await call("templates-get", ana, about(id));
    expect(kept).toMatchObject({ newest: { version: 1 } });
  });

  it("a body of another form, by its schema", async () => {
    const { body } = await call("templates-add", ana, {
      body: {
        ...template,
        variables: { "device.name": {} },
        sections: [{ id: "x", actions: [{}] }],
        more: 1,
      },
    });
    expect((body["errors"] as Fault[]).map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(["/more", "/sections/0/actions/0/id", "/variables/device.name"]),
    );
  });
});

const schedule = (id: string, token: string | undefined, body: object = { tenantId }) =>
  call("templates-schedule", token, { ...about(id), body });

describe("a template that is scheduled", () => {
  it("is a task of its newest version, without targets and without a time, and waits in the list", async () => {
    const id = await made(ana);
    const { status, body, headers } = await schedule(id, operator);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      displayName: template.name,
      kind: "provisioning",
      state: "waiting",
      stateNames: { fr: "Non planifiée" },
      waitsFor: ["target", "schedule"],
      provisioning: { templateId: id, version: 1 },
      schedule: { kind: "none" },
      public: false,
    });
    const params = { tenantId, taskId: String(body["taskId"]) };
    expect(headers["location"]).toBe(`/api/v1/tenants/${tenantId}/tasks/${params.taskId}`);
    await replace(id, ana, { ...template, platforms: ["windows", "macOS"] });
    const kept = await call("tasks-get", operator, { params });
    expect(kept.body).toMatchObject({
      provisioning: { version: 1 },
      waitsFor: ["target", "schedule"],
    });
    const [device] = (await call("devices-list", operator, { params: { tenantId } })).body[
      "value"
    ] as {
      deviceId: string;
    }[];
    const targets = { deviceIds: [device?.deviceId] };
    const provisioning = { templateId: id, version: 1, targets };
    const whole = {
      kind: "provisioning",
      displayName: "May",
      provisioning,
      schedule: { kind: "now" },
    };
    const put = await call("tasks-replace", operator, { params, body: whole });
    expect(put.body).toMatchObject({ state: "scheduled", waitsFor: [], provisioning: { targets } });
  });

  it("takes the version and the name that are asked for", async () => {
    const id = await made(ana);
    await replace(id, ana, { ...template, platforms: ["windows", "macOS"] });
    const first = await schedule(id, operator, { tenantId, version: 1, displayName: "May" });
    expect(first.body).toMatchObject({ displayName: "May", provisioning: { version: 1 } });
    expect((await schedule(id, operator)).body).toMatchObject({ provisioning: { version: 2 } });
    const never = await schedule(id, operator, { tenantId, version: 3 });
    expect([never.status, never.body["code"]]).toEqual([404, "unknown-template"]);
  });

  it("needs a template that they see, and a tenant in which they may make tasks and begin runs", async () => {
    const id = await made(ana, { visibility: "mine" });
    expect((await schedule(id, operator)).body["code"]).toBe("unknown-template");
    const open = await made(ana);
    const [theirs, nobodys] = [await door.fleet(1), randomUUID()];
    const [out, none] = [
      await schedule(open, operator, { tenantId: theirs }),
      await schedule(open, operator, { tenantId: nobodys }),
    ];
    expect([out.status, out.body["detail"]]).toEqual([403, none.body["detail"]]);
    const unregistered = await schedule(open, adminToken, { tenantId: nobodys });
    expect(unregistered.body["code"]).toBe("unknown-tenant");
    // May write templates and begin runs, and make no tasks.
    expect((await schedule(open, ana)).body["code"]).toBe("forbidden");
    const role = { name: "Planner", permissions: ["templates.read", "tasks.manage"] };
    const { body } = await call("roles-add", adminToken, { body: role });
    const planner = (await door.holder(String(body["roleId"]), { kind: "everything" })).token;
    expect((await schedule(open, planner)).body["code"]).toBe("forbidden");
  });
});

it("types of actions are told with sections, routes and a schema of their parameters", async () => {
  const { body } = await call("action-types-list", operator);
  const types = body["value"] as Record<string, unknown>[];
  expect(types.find(({ id }) => id === "wait")).toMatchObject({
    name: { en: "Wait", fr: "Attendre" },
    parameters: { type: "object", required: ["duration"] },
  });
  expect(types.find(({ id }) => id === "messageToUser")).toMatchObject({
    platforms: ["iOS", "android"],
    route: expect.stringContaining("Windows"),
  });
  expect(body["sections"]).toMatchObject([
    { name: { fr: "Migration du système" }, restartable: true },
    {},
    {},
    {},
    {},
  ]);
});

const put = (body: object, headers = {}, of = tenantId) =>
  call("tenant-variables-replace", ana, { params: { tenantId: of }, body, headers });
const get = (token = ana) => call("tenant-variables-get", token, { params: { tenantId } });

describe("variables of a tenant", () => {
  const deviceId = randomUUID();
  it("are none at first, and then what was put by whoever read the newest", async () => {
    expect((await get()).body).toEqual({ values: {}, devices: {} });
    const values = {
      values: { site: "Lyon", floor: 3 },
      devices: { [deviceId]: { site: "{{floor}}" } },
    };
    const first = await put(values);
    expect([first.status, first.body]).toEqual([200, values]);
    const old = { "if-match": etagOf(await get(operator)) };
    expect((await put({ values: { site: "Paris" } }, old)).body).toMatchObject({ devices: {} });
    expect((await put({ values: {} }, old)).status).toBe(412);
    expect((await get()).body).toEqual({ values: { site: "Paris" }, devices: {} });
  });

  it("are changed by nobody who may only read them", async () => {
    const sent = { params: { tenantId }, body: { values: {} } };
    expect((await call("tenant-variables-replace", operator, sent)).status).toBe(403);
  });

  it.each<[string, object, string[]]>([
    [
      "a circle",
      { values: { a: "{{b}}", b: "{{a}}" } },
      ["cyclic-variable /values/a", "cyclic-variable /values/b"],
    ],
    ["an unknown name", { values: { a: "{{x}}" } }, ["unknown-variable /values/a"]],
    [
      "a circle that one device makes",
      { values: { a: "{{b}}", b: 1 }, devices: { [deviceId]: { b: "{{a}}" } } },
      [`cyclic-variable /devices/${deviceId}/b`],
    ],
  ])("%s is refused, and nothing is changed", async (_, body, expected) => {
    const before = await get();
    const { status, body: told } = await put(body);
    expect([status, faultsOf(told)]).toEqual([400, expected]);
    expect((await get()).body).toEqual(before.body);
  });

  it("go with their tenant", async () => {
    const gone = await door.fleet(1);
    await put({ values: { site: "Lyon" } }, {}, gone);
    const { services } = door;
    await call("tenants-remove", adminToken, { params: { tenantId: gone } });
    await services.purging.pass(gone);
    expect((await services.tenantVariables.get(gone)).value).toEqual({ values: {}, devices: {} });
  });
});
