/** Templates of provisioning, their versions, the types of their actions, and the variables of tenants. */
import * as z from "zod";
import { decide, refusalOf } from "../../shared/access/roles/decide.ts";
import { principalOf } from "../../shared/access/sign-in/caller.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { created, noContent, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { actionTypes } from "../../shared/provisioning/actions/catalogue.ts";
import {
  ActionTypesView,
  actionTypesView,
  ScheduleTemplate,
  TemplateBody,
  TemplateExport,
  TemplatePath,
  TemplateVersionPath,
  TemplateView,
  templateDraft,
  templateExport,
  templateView,
  VersionView,
  versionView,
} from "../../shared/provisioning/templates/contract.ts";
import type { TemplateBook, Viewer } from "../../shared/provisioning/templates/manage-templates.ts";
import type { Template } from "../../shared/provisioning/templates/template.ts";
import {
  TenantValues,
  type TenantVariables,
} from "../../shared/provisioning/templates/tenant-variables.ts";
import { TaskView, taskDraft, taskFields, taskView } from "../../shared/schedules/contract.ts";
import type { TaskBook } from "../../shared/schedules/manage-tasks.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import type { TenantRegistry } from "../../shared/tenants/tenants.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly templates: TemplateBook };

const TaskFields = z.strictObject(taskFields);

function viewerOf(tools: Tools): Viewer {
  const { standing, caller } = signedInOf(tools);
  const administers = decide(standing, "templates.administer", { kind: "global" }).allowed;
  return { me: principalOf(caller), administers };
}

const told = ({ name, description, visibility, newest }: Template) => ({
  name,
  description,
  visibility,
  message: newest.message,
  version: newest.version,
  actions: newest.actions,
});

function note(
  tools: Tools,
  templateId: string,
  { before, after }: { readonly before?: Template; readonly after: Template | null },
): void {
  signedInOf(tools).note({
    object: `template/${templateId}`,
    ...(before === undefined ? {} : { before: told(before) }),
    after: after && told(after),
  });
}

export const listTemplatesFunction = onHttp(
  operation({
    name: "templates-list",
    method: "GET",
    path: "api/v1/templates",
    summary: "List the templates that you may see, newest first",
    tag: "Provisioning",
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of templates", body: pageOf(TemplateView) } },
  }),
  async ({ query, url }, tools: Tools<Needs>) => {
    const position = positionOf("templates", query.pageToken);
    if (!position.ok) return position;
    const page = await tools.services.templates.list(viewerOf(tools), query.top, position.value);
    const items = page.items.map(templateView);
    return succeed(ok(pageBody(url, "templates", { ...page, items })));
  },
);

export const addTemplateFunction = onHttp(
  operation({
    name: "templates-add",
    method: "POST",
    path: "api/v1/templates",
    summary: "Make a template, also of a version that was exported",
    tag: "Provisioning",
    idempotent: true,
    body: TemplateBody,
    answers: { 201: { description: "Made", body: TemplateView, headers: ["Location", "ETag"] } },
  }),
  async ({ body, seed }, tools: Tools<Needs>) => {
    const made = await tools.services.templates.add(seed, templateDraft(body), viewerOf(tools));
    if (!made.ok) return made;
    const { value, etag } = made.value;
    note(tools, seed, { after: value });
    return succeed(created(`/api/v1/templates/${seed}`, templateView(value), etag));
  },
);

export const getTemplateFunction = onHttp(
  operation({
    name: "templates-get",
    method: "GET",
    path: "api/v1/templates/{templateId}",
    summary: "Show a template with its newest version",
    tag: "Provisioning",
    params: TemplatePath,
    answers: { 200: { description: "The template", body: TemplateView, headers: ["ETag"] } },
  }),
  async ({ params: { templateId } }, tools: Tools<Needs>) => {
    const found = await tools.services.templates.get(templateId, viewerOf(tools));
    return found.ok ? succeed(ok(templateView(found.value.value), found.value.etag)) : found;
  },
);

export const replaceTemplateFunction = onHttp(
  operation({
    name: "templates-replace",
    method: "PUT",
    path: "api/v1/templates/{templateId}",
    summary: "Replace a template; what does something else becomes its next version",
    tag: "Provisioning",
    conditional: true,
    params: TemplatePath,
    body: TemplateBody,
    answers: { 200: { description: "As it is now", body: TemplateView, headers: ["ETag"] } },
  }),
  async ({ params: { templateId }, body, ifMatch }, tools: Tools<Needs>) => {
    const { templates } = tools.services;
    const draft = templateDraft(body);
    const replaced = await templates.replace(templateId, draft, viewerOf(tools), ifMatch);
    if (!replaced.ok) return replaced;
    const { value, etag, before } = replaced.value;
    note(tools, templateId, { before, after: value });
    return succeed(ok(templateView(value), etag));
  },
);

export const removeTemplateFunction = onHttp(
  operation({
    name: "templates-remove",
    method: "DELETE",
    path: "api/v1/templates/{templateId}",
    summary: "Remove a template with its versions; tasks that name it fail when their time comes",
    tag: "Provisioning",
    conditional: true,
    params: TemplatePath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params: { templateId }, ifMatch }, tools: Tools<Needs>) => {
    const removed = await tools.services.templates.remove(templateId, viewerOf(tools), ifMatch);
    if (!removed.ok) return removed;
    note(tools, templateId, { before: removed.value, after: null });
    return succeed(noContent());
  },
);

export const listTemplateVersionsFunction = onHttp(
  operation({
    name: "templates-versions",
    method: "GET",
    path: "api/v1/templates/{templateId}/versions",
    summary: "List a template's versions, newest first",
    tag: "Provisioning",
    params: TemplatePath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of versions", body: pageOf(VersionView) } },
  }),
  async ({ params: { templateId }, query, url }, tools: Tools<Needs>) => {
    const { templates } = tools.services;
    const found = await templates.get(templateId, viewerOf(tools));
    if (!found.ok) return found;
    const list = `versions of template ${templateId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await templates.versions(templateId, query.top, position.value);
    return succeed(ok(pageBody(url, list, { ...page, items: page.items.map(versionView) })));
  },
);

export const exportTemplateVersionFunction = onHttp(
  operation({
    name: "templates-version",
    method: "GET",
    path: "api/v1/templates/{templateId}/versions/{version}",
    summary: "Export a version: a POST of it makes the same template again",
    tag: "Provisioning",
    params: TemplateVersionPath,
    answers: { 200: { description: "The version", body: TemplateExport } },
  }),
  async ({ params: { templateId, version } }, tools: Tools<Needs>) => {
    const found = await tools.services.templates.version(templateId, version, viewerOf(tools));
    return found.ok ? succeed(ok(templateExport(found.value))) : found;
  },
);

type ScheduleNeeds = Needs & { readonly tasks: TaskBook; readonly tenants: TenantRegistry };

export const scheduleTemplateFunction = onHttp(
  operation({
    name: "templates-schedule",
    method: "POST",
    path: "api/v1/templates/{templateId}/schedule",
    summary: "Make a task of a version, without targets and without a time: it waits for both",
    tag: "Provisioning",
    idempotent: true,
    params: TemplatePath,
    body: ScheduleTemplate,
    answers: { 201: { description: "Made", body: TaskView, headers: ["Location", "ETag"] } },
  }),
  async ({ params: { templateId }, body, seed }, tools: Tools<ScheduleNeeds>) => {
    const { tasks, templates, tenants } = tools.services;
    const { tenantId, version } = body;
    const found = await templates.version(templateId, version, viewerOf(tools));
    if (!found.ok) return found;
    const { standing } = signedInOf(tools);
    const inTenant = { kind: "tenant", tenantId } as const;
    // A tenant out of reach is told like one that is not there, as where a path names it.
    const may = decide(standing, "tasks.manage", inTenant);
    if (!may.allowed) return refusalOf({ step: may.step, permission: "tasks.manage" });
    const tenant = await tenants.known(tenantId);
    if (!tenant.ok) return tenant;
    const { template, version: kept } = found.value;
    const fields = TaskFields.parse({ displayName: body.displayName ?? template.name });
    const what = { templateId, version: kept.version };
    const ids = { tenantId, taskId: seed };
    const viewer = {
      standing,
      administers: decide(standing, "tasks.administer", inTenant).allowed,
    };
    const draft = taskDraft(fields, { kind: "provisioning", what, whole: false });
    const added = await tasks.add(ids, draft, viewer);
    if (!added.ok) return added;
    const { value, etag } = added.value;
    signedInOf(tools).note({ tenantId, object: `task/${seed}`, after: taskView(value) });
    return succeed(created(`/api/v1/tenants/${tenantId}/tasks/${seed}`, taskView(value), etag));
  },
);

export const listActionTypesFunction = onHttp(
  operation({
    name: "action-types-list",
    method: "GET",
    path: "api/v1/provisioning/action-types",
    summary:
      "List the types of actions, the sections that they may stand in, and by which route each works",
    tag: "Provisioning",
    answers: { 200: { description: "All of them", body: ActionTypesView } },
  }),
  async () => succeed(ok(actionTypesView(actionTypes))),
);

type VariableNeeds = { readonly tenantVariables: TenantVariables };

export const getTenantVariablesFunction = onHttp(
  operation({
    name: "tenant-variables-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/variables",
    summary: "Show a tenant's variables, and those of single devices",
    tag: "Provisioning",
    params: TenantPath,
    answers: { 200: { description: "All of them", body: TenantValues, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId } }, tools: Tools<VariableNeeds>) => {
    const { value, etag } = await tools.services.tenantVariables.get(tenantId);
    return succeed(ok(value, etag));
  },
);

/** What is told of variables: their names, since values may be anything. */
const namesOf = ({ values, devices }: TenantValues) => ({
  names: Object.keys(values).toSorted(),
  devices: Object.keys(devices).length,
});

export const replaceTenantVariablesFunction = onHttp(
  operation({
    name: "tenant-variables-replace",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/variables",
    summary: "Replace a tenant's variables, and those of single devices",
    tag: "Provisioning",
    conditional: true,
    params: TenantPath,
    body: TenantValues,
    answers: { 200: { description: "As they are now", body: TenantValues, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId }, body, ifMatch }, tools: Tools<VariableNeeds>) => {
    const { tenantVariables } = tools.services;
    const replaced = await tenantVariables.replace(tenantId, body, ifMatch);
    if (!replaced.ok) return replaced;
    signedInOf(tools).note({
      object: "variables",
      before: namesOf(replaced.value.before),
      after: namesOf(body),
    });
    const { value, etag } = await tenantVariables.get(tenantId);
    return succeed(ok(value, etag));
  },
);
