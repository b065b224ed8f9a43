/**
 * Templates as people work with them. A version is never changed: content that differs becomes the next one. Mine is seen
 * and changed by its owner and by who administers templates; a public one is seen by all who may see templates, and
 * changed by all who may change them.
 */
import { type Principal, samePrincipal } from "../../access/sign-in/caller.ts";
import { invalidRequest } from "../../http/body.ts";
import type { Clock } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { checked, type Draft, type Judges } from "./check.ts";
import type { Template, TemplateContent, TemplateVersion } from "./template.ts";
import { actionsOf } from "./template.ts";
import type { Stored, TemplateStore } from "./template-store.ts";

/** Who asks, and whether everybody's templates are theirs to see and change. */
export type Viewer = { readonly me: Principal; readonly administers: boolean };

/** A template as somebody asks for it. */
export type TemplateDraft = Pick<Template, "name" | "description" | "visibility"> & {
  /** Why this version. */
  readonly message: string;
  readonly content: Draft;
};

/** A version with what it does. */
export type WholeVersion = {
  readonly template: Template;
  readonly version: TemplateVersion;
  readonly content: TemplateContent;
};

const isOwner = ({ owner }: Template, { me }: Viewer): boolean => samePrincipal(owner, me);

/** Whether a viewer may see a template at all. */
const sees = (template: Template, viewer: Viewer): boolean =>
  template.visibility === "public" || viewer.administers || isOwner(template, viewer);

/** Says that there is no such template, to whoever may not see it as well. */
const unknownTemplate = (templateId: string) =>
  fail("unknown-template", `There is no template ${templateId} here for you.`);

const changedMeanwhile = (name: string) =>
  fail("precondition-failed", `${name} changed since you read it. Read it again.`);

/** The templates of an installation. */
export class TemplateBook {
  readonly #store: TemplateStore;
  readonly #judges: Judges;
  readonly #clock: Clock;

  constructor(parts: {
    readonly store: TemplateStore;
    readonly judges: Judges;
    readonly clock: Clock;
  }) {
    this.#store = parts.store;
    this.#judges = parts.judges;
    this.#clock = parts.clock;
  }

  /** Makes one under an id; asked again with the same id, it answers what it made. */
  async add(
    templateId: string,
    draft: TemplateDraft,
    viewer: Viewer,
  ): Promise<Result<Stored<Template>>> {
    const next = await this.#versionOf(templateId, 1, draft, viewer);
    if (!next.ok) return next;
    const { name, description, visibility } = draft;
    const value: Template = {
      v: 1,
      templateId,
      name,
      description,
      visibility,
      owner: viewer.me,
      newest: next.value,
      createdAt: next.value.at,
    };
    const etag = await this.#store.save({ value, etag: "" }, true);
    return etag === undefined ? this.get(templateId, viewer) : succeed({ value, etag });
  }

  /** The template, if it is there for the viewer, and is the one that they have read. */
  async get(
    templateId: string,
    viewer: Viewer,
    ifMatch?: string,
  ): Promise<Result<Stored<Template>>> {
    const found = await this.#store.get(templateId);
    if (found === undefined || !sees(found.value, viewer)) return unknownTemplate(templateId);
    const isOther = ifMatch !== undefined && ifMatch !== found.etag;
    return isOther ? changedMeanwhile(found.value.name) : succeed(found);
  }

  /** A page of those that the viewer sees, newest first; it may be short, and its link goes on. */
  async list(viewer: Viewer, top: number, token?: string) {
    const page = await this.#store.page(top, token);
    return { ...page, items: page.items.filter((each) => sees(each, viewer)) };
  }

  versions(templateId: string, top: number, token?: string) {
    return this.#store.versions(templateId, top, token);
  }

  /** A version with what it does; without a number, the newest. */
  async version(
    templateId: string,
    version: number | undefined,
    viewer: Viewer,
  ): Promise<Result<WholeVersion>> {
    const found = await this.get(templateId, viewer);
    if (!found.ok) return found;
    const template = found.value.value;
    const { newest } = template;
    const wanted =
      version === undefined || version === newest.version
        ? newest
        : await this.#store.version(templateId, version);
    const content = wanted && (await this.#store.content(templateId, wanted.hash));
    return content === undefined
      ? fail("unknown-template", `The template ${templateId} has no version ${version}.`)
      : succeed({ template, version: wanted as TemplateVersion, content });
  }

  /** Replaces what it is called and what it does; content that differs becomes the next version. */
  async replace(
    templateId: string,
    draft: TemplateDraft,
    viewer: Viewer,
    ifMatch: string | undefined,
  ): Promise<Result<Stored<Template> & { readonly before: Template }>> {
    const found = await this.get(templateId, viewer, ifMatch);
    if (!found.ok) return found;
    const { value: before, etag: read } = found.value;
    const { name, description, visibility } = draft;
    if (visibility !== before.visibility && !viewer.administers && !isOwner(before, viewer))
      return fail("forbidden", `Only the owner of ${before.name} may make it public or theirs.`);
    const next = await this.#versionOf(templateId, before.newest.version + 1, draft, viewer);
    if (!next.ok) return next;
    const isNew = next.value.hash !== before.newest.hash;
    const newest = isNew ? next.value : before.newest;
    const value: Template = { ...before, name, description, visibility, newest };
    const etag = await this.#store.save({ value, etag: read }, isNew);
    return etag === undefined ? changedMeanwhile(name) : succeed({ value, etag, before });
  }

  /** Removes it with its versions. Runs keep what they have frozen; tasks that name it fail when their time comes. */
  async remove(
    templateId: string,
    viewer: Viewer,
    ifMatch: string | undefined,
  ): Promise<Result<Template>> {
    const found = await this.get(templateId, viewer, ifMatch);
    if (!found.ok) return found;
    const { value, etag } = found.value;
    const isRemoved = await this.#store.remove(templateId, etag);
    return isRemoved ? succeed(value) : changedMeanwhile(value.name);
  }

  async #versionOf(
    templateId: string,
    version: number,
    { content, message }: TemplateDraft,
    { me }: Viewer,
  ): Promise<Result<TemplateVersion>> {
    const made = checked(content, this.#judges);
    if ("faults" in made) return invalidRequest(made.faults);
    const hash = await this.#store.putContent(templateId, made.content);
    const actions = actionsOf(made.content).length;
    return succeed({ version, hash, actions, message, by: me, at: this.#clock.now() });
  }
}
