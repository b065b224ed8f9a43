/** A tenant's configuration as it is wanted and as it was read: types, items, edits, and all of it as plain JSON. */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent, ok, streamed } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import type { Configuration } from "../../shared/sync/configuration.ts";
import {
  ImportBody,
  ImportQuery,
  ItemBody,
  ItemDetail,
  ItemPath,
  ItemRulesBody,
  ItemRulesView,
  ItemView,
  TypePath,
  TypeView,
  UnwantedQuery,
} from "../../shared/sync/contract.ts";
import { readItemRules, replaceItemRules } from "../../shared/sync/item-rules.ts";
import { itemsInZip, maxZipBytes } from "../../shared/sync/zip-items.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";
import { type SyncNeeds, whoCalls } from "./syncs.http.ts";

type Needs = SyncNeeds & { readonly configuration: Configuration };

export const listConfigurationTypesFunction = onHttp(
  operation({
    name: "configuration-types",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/configuration",
    summary:
      "List the types of configuration, with what may be done with each and how many items it has",
    tag: "Configuration",
    params: TenantPath,
    answers: { 200: { description: "All types", body: z.object({ value: z.array(TypeView) }) } },
  }),
  async ({ params: { tenantId } }, { services }: Tools<Needs>) => {
    const { store, clock, enabledTypes } = services.sync;
    const { settings } = (await store.tenant(tenantId, clock.now())).value;
    const enabled = new Set(enabledTypes(settings));
    const value = await services.configuration.types(tenantId, ({ key }) => enabled.has(key));
    return succeed(ok({ value }));
  },
);

export const listConfigurationItemsFunction = onHttp(
  operation({
    name: "configuration-items",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/configuration/{type}",
    summary: "List items of a type: wanted, in the tenant, or both",
    tag: "Configuration",
    params: TypePath,
    answers: {
      200: { description: "All items of the type", body: z.object({ value: z.array(ItemView) }) },
    },
  }),
  async ({ params: { tenantId, type } }, { services }: Tools<Needs>) => {
    const items = await services.configuration.items(tenantId, type);
    return items.ok ? succeed(ok({ value: items.value })) : items;
  },
);

export const getConfigurationItemFunction = onHttp(
  operation({
    name: "configuration-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/configuration/{type}/{key}",
    summary: "Show an item: what is wanted, what the tenant has, and who changed it",
    tag: "Configuration",
    params: ItemPath,
    answers: { 200: { description: "The item", body: ItemDetail, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId, type, key } }, { services }: Tools<Needs>) => {
    const found = await services.configuration.item(tenantId, type, key);
    return found.ok ? succeed(ok(found.value.view, found.value.etag)) : found;
  },
);

export const editConfigurationItemFunction = onHttp(
  operation({
    name: "configuration-edit",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/configuration/{type}/{key}",
    summary: "Change what is wanted of an item, or add it: the next sync plans it",
    tag: "Configuration",
    conditional: true,
    params: ItemPath,
    body: ItemBody,
    answers: {
      200: { description: "The item as it is wanted now", body: ItemDetail, headers: ["ETag"] },
    },
  }),
  async ({ params: { tenantId, type, key }, body, ifMatch }, tools: Tools<Needs>) => {
    const { services } = tools;
    const by = whoCalls(tools);
    const edited = await services.configuration.edit(tenantId, { type, key }, body, {
      ifMatch,
      by,
    });
    if (!edited.ok) return edited;
    const found = await services.configuration.item(tenantId, type, key);
    if (!found.ok) return found;
    const { message } = body;
    signedInOf(tools).note({ object: `configuration/${type}`, after: { type, key, message } });
    return succeed(ok(found.value.view, found.value.etag));
  },
);

export const removeConfigurationItemFunction = onHttp(
  operation({
    name: "configuration-remove",
    method: "DELETE",
    path: "api/v1/tenants/{tenantId}/configuration/{type}/{key}",
    summary:
      "Want an item no longer: the next sync leaves it alone, or plans to delete it where that is allowed",
    tag: "Configuration",
    conditional: true,
    params: ItemPath,
    query: UnwantedQuery,
    answers: { 204: { description: "Nobody wants it any more" } },
  }),
  async ({ params: { tenantId, ...name }, query, ifMatch }, tools: Tools<Needs>) => {
    const { message } = query;
    const said = { ifMatch, by: whoCalls(tools) };
    const removed = await tools.services.configuration.unwant(tenantId, name, message, said);
    if (!removed.ok) return removed;
    signedInOf(tools).note({
      object: `configuration/${name.type}`,
      before: { ...name },
      after: { ...name, wanted: false, message },
    });
    return succeed(noContent());
  },
);

export const getItemRulesFunction = onHttp(
  operation({
    name: "configuration-rules-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/configuration/{type}/{key}/rules",
    summary: "Show what was decided about an item: mode, accepted deviations, overrides",
    tag: "Configuration",
    params: ItemPath,
    answers: { 200: { description: "Its rules", body: ItemRulesView, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId, ...name } }, { services }: Tools<Needs>) => {
    const found = await readItemRules(services.sync, tenantId, name);
    return found.ok ? succeed(ok(found.value.view, found.value.etag)) : found;
  },
);

export const replaceItemRulesFunction = onHttp(
  operation({
    name: "configuration-rules-replace",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/configuration/{type}/{key}/rules",
    summary:
      "Say how an item is compared, which differences are accepted, and what this tenant wants instead",
    tag: "Configuration",
    conditional: true,
    params: ItemPath,
    body: ItemRulesBody,
    answers: { 200: { description: "Its rules now", body: ItemRulesView, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId, ...name }, body, ifMatch }, tools: Tools<Needs>) => {
    const { services } = tools;
    const by = whoCalls(tools);
    const replaced = await replaceItemRules(services.sync, tenantId, name, body, { ifMatch, by });
    if (!replaced.ok) return replaced;
    signedInOf(tools).note({ object: `configuration/${name.type}`, after: { ...name, ...body } });
    return succeed(ok(replaced.value.view, replaced.value.etag));
  },
);

export const exportConfigurationFunction = onHttp(
  operation({
    name: "configuration-export",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/configuration-export",
    summary: "All that is wanted of a tenant, as plain JSON",
    tag: "Configuration",
    params: TenantPath,
    answers: {
      200: { description: "What an import takes", body: ImportBody.omit({ message: true }) },
    },
  }),
  async ({ params: { tenantId } }, { services }: Tools<Needs>) => {
    const text = async function* () {
      yield '{"items":[';
      let first = true;
      for await (const item of services.configuration.plain(tenantId)) {
        yield `${first ? "" : ","}\n${JSON.stringify(item)}`;
        first = false;
      }
      yield "\n]}\n";
    };
    return succeed(streamed("application/json; charset=utf-8", text()));
  },
);

export const importConfigurationFunction = onHttp(
  operation({
    name: "configuration-import",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/configuration-import",
    summary:
      "Take items into what is wanted of a tenant, also out of a sync's zip: all of them, or none",
    tag: "Configuration",
    params: TenantPath,
    query: ImportQuery,
    body: ImportBody,
    file: { type: "application/zip", maxBytes: maxZipBytes },
    answers: { 200: { description: "How many were taken in", body: z.object({ items: z.int() }) } },
  }),
  async ({ params: { tenantId }, query, body, file }, tools: Tools<Needs>) => {
    const { configuration } = tools.services;
    const given =
      file === undefined
        ? succeed({ items: body?.items ?? [], placeOf: undefined })
        : await itemsInZip(file, query.folder);
    if (!given.ok) return given;
    const { items, placeOf } = given.value;
    const message = query.message ?? body?.message ?? "Import";
    const said = { message, by: whoCalls(tools) };
    const taken = await configuration.take(tenantId, items, said, placeOf);
    if (!taken.ok) return taken;
    const after = { items: items.length, message };
    signedInOf(tools).note({ object: `tenant/${tenantId}`, after });
    return succeed(ok({ items: items.length }));
  },
);
