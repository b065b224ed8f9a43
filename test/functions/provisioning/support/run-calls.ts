/** Runs over the API of a rig: templates and runs made, read and driven, as tests of provisioning need them. */
import { randomUUID } from "node:crypto";
import { HttpRequest } from "@azure/functions";
import { expect } from "vitest";
import type { HttpFunction } from "../../../../functions/define.ts";
import { functions } from "../../../../functions/functions.ts";
import { tellDueTasksFunction } from "../../../../functions/schedules/tasks-due.timer.ts";
import { serveHttp } from "../../../../functions/serve-http.ts";
import type { Services } from "../../../../functions/services.ts";
import type { TaskParts } from "../../../../shared/schedules/run-tasks.ts";
import { type ListedDevice, onlyIntuneWindows } from "../../../local/sandbox/support.ts";
import { type NotifyRig, rigAdminToken } from "../../../support/notify-rig.ts";

type Sent = {
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  headers?: Record<string, string>;
};
type Answered = { status: number; body: Record<string, unknown>; text: string; headers: Headers };

export const action = (id: string, type: string, more: object = {}) => ({
  id,
  name: `Do ${id}`,
  type,
  ...more,
});
export const pause = (id: string) => action(id, "wait", { parameters: { duration: "PT1M" } });

/** Targets: all devices of a fleet. */
export const everything = {
  rules: [{ property: "operatingSystem", operator: "equals", value: "Windows" }],
};

const contentOf = (actions: readonly object[], more: object) => ({
  name: `T ${randomUUID()}`,
  visibility: "public",
  sections: [{ id: "systemConfiguration", actions }],
  ...more,
});

/** What tests ask of a rig's API. */
export type RunCalls = ReturnType<typeof runCalls>;

/** Calls to the API of a rig. */
export function runCalls(rig: NotifyRig) {
  async function call(
    name: string,
    { params = {}, query = "", body, headers = {} }: Sent,
  ): Promise<Answered> {
    const definition = functions.find(
      (each): each is HttpFunction<Services> =>
        each.kind === "http" && each.operation.name === name,
    );
    if (definition === undefined) throw new Error(`no operation ${name}`);
    const { method, path } = definition.operation;
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, part: string) => params[part] ?? "x");
    const request = new HttpRequest({
      method,
      url: `http://muster.local/${filled}${query}`,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${rigAdminToken}`,
        ...headers,
      },
      params,
      ...(body === undefined ? {} : { body: { string: JSON.stringify(body) } }),
    });
    const tools = { services: rig.services, log: () => undefined };
    const answer = await serveHttp(definition, request, { invocationId: randomUUID() }, tools);
    const text = await new Response(answer.body as string).text();
    const parsed = text.startsWith("{") && !text.includes("}\n{") ? JSON.parse(text) : {};
    return {
      status: answer.status ?? 0,
      body: parsed,
      text,
      headers: new Headers(answer.headers),
    };
  }

  /** Makes a template of these actions. */
  async function template(actions: readonly object[], more: object = {}): Promise<string> {
    const made = await call("templates-add", { body: contentOf(actions, more) });
    expect(made.status, made.text).toBe(201);
    return String(made.body["templateId"]);
  }

  /** Makes the next version of a template. */
  async function replace(templateId: string, actions: readonly object[]): Promise<void> {
    const made = await call("templates-replace", {
      params: { templateId },
      body: contentOf(actions, {}),
    });
    expect(made.status, made.text).toBe(200);
  }

  /** A tenant whose devices were seen a moment ago. */
  const tenantOf = (devices: number) => rig.tenant({ ...onlyIntuneWindows, devices });
  async function start(tenantId: string, body: object): Promise<Record<string, string>> {
    const begun = await call("provisioning-runs-start", {
      params: { tenantId },
      body: { targets: everything, offline: { after: "P60D" }, ...body },
    });
    expect(begun.status, begun.text).toBe(202);
    return { tenantId, runId: String(begun.body["runId"]) };
  }
  const read = async (params: Record<string, string>) =>
    (await call("provisioning-runs-get", { params })).body;

  /** Asks the sandbox's control; a connection that it has closed meanwhile is made anew. */
  const control: NotifyRig["sandbox"]["control"] = (...asked) =>
    rig.sandbox.control(...asked).catch(() => rig.sandbox.control(...asked)) as never;

  /** Lets so many devices fail an action: chance is the same for the same device and action, so the share is searched. */
  async function failSome(
    tenantId: string,
    wanted: number,
    kind: string,
  ): Promise<ReadonlySet<string>> {
    let [least, most] = [0, 1];
    for (let tries = 0; tries < 30; tries += 1) {
      const share = (least + most) / 2;
      await control("PUT", "/behaviour", { tenantId, failRate: share });
      const path = `/tenants/${tenantId}/devices?top=100&action=${kind}`;
      const { body } = await control<{ value: ListedDevice[] }>("GET", path);
      const failing = body.value.filter((device) => device.failing).map(({ id }) => id);
      if (failing.length === wanted) return new Set(failing);
      if (failing.length < wanted) least = share;
      else most = share;
    }
    throw new Error(`no share of failures gives ${wanted}`);
  }
  /** What the minute's timer tells. Files share their storage: it names this tenant's tasks alone. */
  async function tellDue(tenantId: string): Promise<void> {
    const { queues, ...scheduling } = rig.services.scheduling;
    const send: TaskParts["queues"]["send"] = async (queue, message) => {
      const { places } = message as { places: { tenantId: string }[] };
      const own = places.filter((place) => place.tenantId === tenantId);
      return own.length === 0
        ? { messageId: "", popReceipt: "" }
        : queues.send(queue, { ...message, places: own });
    };
    const services = { scheduling: { ...scheduling, queues: { send } } };
    await tellDueTasksFunction.handle({ services, log: () => undefined });
  }
  /** The same, with all that follows from it. */
  async function tick(tenantId: string): Promise<void> {
    await tellDue(tenantId);
    await rig.drain();
  }
  return { call, template, replace, tenantOf, start, read, control, failSome, tellDue, tick };
}
