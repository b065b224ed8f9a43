/**
 * Customers as a partner sees them: what ties each to it, read at Partner Center and Graph and kept in a row, and which
 * ways into Autopilot are open on the strength of it.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import { wordsOf } from "../../graph/answer.ts";
import type { GraphClient } from "../../graph/client.ts";
import { type Clock, type Instant, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { Line, plainText, reasonOf } from "../../kernel/outside-text.ts";
import type { PartnerCenter } from "../../partner-center/client.ts";
import { tableNames } from "../../storage/names.ts";
import { jsonOf, type Tables } from "../../storage/tables.ts";
import type { AccountState, PartnerAccount } from "./account.ts";
import {
  checkRelationship,
  type PartnerKind,
  type PartnerRoute,
  partnerKinds,
  partnerRoutes,
  RelationshipFacts,
  type RelationshipVerdict,
  registeringRoles,
} from "./relationship.ts";

// What the API says.

const time = z.iso.datetime();
export const Verdict = z.object({
  allowed: z.boolean(),
  proof: z.string().optional().describe("On the strength of what"),
  code: z.string().optional().describe("Stable name of what is missing"),
  missing: z.string().optional(),
  remedy: z.string().optional().describe("How to get it"),
});

/** A customer. */
export const CustomerView = z
  .object({
    tenantId: z.string(),
    displayName: z.string(),
    partnerKind: z.enum(partnerKinds),
    relationship: z.object({
      reseller: z.string().optional().describe("Partner Center's word"),
      delegation: z
        .object({
          status: z.string(),
          endsAt: time.optional(),
          roles: z.array(z.string()),
          assigned: z.boolean(),
        })
        .optional()
        .describe("GDAP, as Graph has it"),
      consent: z.array(z.string()).optional().describe("Permissions of the app in the tenant"),
      oemConsent: z.object({ link: z.string(), acceptedAt: time }).optional(),
      problems: z.array(z.string()).describe("What could not be read, and why"),
      checkedAt: time.optional(),
    }),
    routes: z.object({ graph: Verdict, partnerCenter: Verdict, file: Verdict }),
    relationshipLink: z
      .string()
      .optional()
      .describe("For the customer's administrator: accepts the partner as a reseller"),
  })
  .meta({ id: "Customer" });
export type CustomerView = z.output<typeof CustomerView>;

/** What is said of a customer, and can be read nowhere. */
export const CustomerChange = z.strictObject({
  partnerKind: z
    .enum(partnerKinds)
    .nullable()
    .default(null)
    .describe("Null: what the installation is"),
  oemConsent: z
    .strictObject({
      link: Line.max(500).refine(
        (text) => URL.parse(text)?.protocol === "https:",
        "must be an address that begins with https://",
      ),
      acceptedAt: z.iso.datetime(),
    })
    .nullable()
    .default(null),
});
export type CustomerChange = z.output<typeof CustomerChange>;

/** How the partner itself stands. */
export const PartnerView = z
  .object({
    partnerKind: z.enum(partnerKinds),
    tenantId: z.string().optional().describe("The partner's own tenant"),
    partnerCenter: z.enum(["signedIn", "notSignedIn", "noMfa", "off"]),
    account: z.string().optional(),
  })
  .meta({ id: "Partner" });

/** Asks how a sign-in stands; without an id it begins one. */
export const SignInRequest = z.strictObject({
  signInId: z
    .string()
    .max(43)
    .regex(/^device-[0-9a-f-]{36}$/, "is not the id of a sign-in")
    .optional(),
});

export const SignInView = z
  .object({
    state: z.enum(["pending", "signedIn", "refused"]),
    signInId: z.string().optional(),
    userCode: z.string().optional().describe("To be typed at verificationUri"),
    verificationUri: z.string().optional(),
    retryAfterSeconds: z.int().optional(),
    account: z.string().optional(),
    detail: z.string().optional(),
  })
  .meta({ id: "PartnerSignIn" });

// Reading.

type Parts = {
  readonly tables: Tables;
  readonly clock: Clock;
  readonly graph: GraphClient;
  /** The app's token for a tenant. */
  readonly token: (tenantId: string, fresh: boolean) => Promise<string>;
  readonly partnerCenter: PartnerCenter | undefined;
  readonly account: PartnerAccount;
  readonly kind: PartnerKind;
  /** The partner's own tenant. */
  readonly tenantId: string | undefined;
};

/** A route, why it is taken, and whether it is open. */
export type ChosenRoute = {
  readonly route: PartnerRoute;
  readonly why: string;
  readonly verdict: RelationshipVerdict;
};

/** What leads whom to Graph. */
const graphBecause: Readonly<Record<Exclude<PartnerKind, "direct" | "indirectProvider">, string>> =
  {
    customer: "the tenant registers its own devices",
    indirectReseller: "an indirect reseller has no API of Partner Center",
    oem: "an OEM has no API of Partner Center",
  };

const rowKey = "relationship";
/** What was read is believed so long before something is sent. */
const freshMs = 10 * 60_000;
const maxPages = 100;

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
const Roles = z
  .object({ unifiedRoles: z.array(z.object({ roleDefinitionId: z.string() })) })
  .nullish()
  .transform((details) => (details?.unifiedRoles ?? []).map((role) => role.roleDefinitionId));
const Delegation = z.object({
  id: z.string(),
  status: text,
  endDateTime: text,
  customer: z.object({ tenantId: text }).nullish(),
  accessDetails: Roles,
});
type Delegation = z.output<typeof Delegation>;
const Page = z.object({ value: z.array(Delegation), "@odata.nextLink": z.string().optional() });
const Assignments = z.object({ value: z.array(z.object({ status: text, accessDetails: Roles })) });
const path = "/tenantRelationships/delegatedAdminRelationships";

/** Customers. */
export class Customers {
  readonly #parts: Parts;
  readonly #delegations = new LRUCache<string, readonly Delegation[]>({ max: 1, ttl: 60_000 });

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** How the partner itself stands. */
  async partner(): Promise<z.output<typeof PartnerView>> {
    const { kind, tenantId, account } = this.#parts;
    const { state, account: name } = await account.state();
    return {
      partnerKind: kind,
      ...(tenantId === undefined ? {} : { tenantId }),
      partnerCenter: state,
      ...(name === undefined ? {} : { account: name }),
    };
  }

  /** A customer by what is kept of it. */
  async show(tenant: { readonly tenantId: string; readonly displayName: string }) {
    const { state } = await this.#parts.account.state();
    return this.#view(tenant, await this.#facts(tenant.tenantId), state);
  }

  /** Reads anew what ties the customer to the partner; where nothing does, with the link by which it can. */
  async check(tenant: {
    readonly tenantId: string;
    readonly displayName: string;
  }): Promise<CustomerView> {
    this.#delegations.clear();
    const facts = await this.#read(tenant.tenantId);
    const { state } = await this.#parts.account.state();
    const view = this.#view(tenant, facts, state);
    if (view.routes.partnerCenter.code !== "relationship-missing") return view;
    const link = await this.#parts.partnerCenter?.relationshipLink();
    return link?.kind === "read" ? { ...view, relationshipLink: link.value } : view;
  }

  /** Notes what can be read nowhere. */
  async change(
    tenant: { readonly tenantId: string; readonly displayName: string },
    { partnerKind, oemConsent }: CustomerChange,
  ): Promise<CustomerView> {
    const {
      partnerKind: _kind,
      oemConsent: _consent,
      ...rest
    } = await this.#facts(tenant.tenantId);
    const facts: RelationshipFacts = {
      ...rest,
      ...(partnerKind === null ? {} : { partnerKind }),
      ...(oemConsent === null
        ? {}
        : { oemConsent: { link: oemConsent.link, acceptedAt: Date.parse(oemConsent.acceptedAt) } }),
    };
    await this.#keep(tenant.tenantId, facts);
    return this.show(tenant);
  }

  /** Whether something may be sent for a customer by a route; looked at before anything is. */
  async may(tenantId: string, route: PartnerRoute): Promise<Result<undefined>> {
    const { own, verdict } = await this.#verdict(tenantId, route);
    if (verdict.allowed) return succeed(undefined);
    const { state } = await this.#parts.account.state();
    const kindWords = state === "off" ? "" : ` (the partner is ${own})`;
    return fail(
      "relationship-missing",
      `${verdict.code}: ${verdict.missing}${kindWords}. Nothing was sent. To get it, ${verdict.remedy}.`,
    );
  }

  /** The route that is taken for a customer, and why: the one that was asked for, or the partner's own where it is open. */
  async choose(tenantId: string, asked: PartnerRoute | undefined): Promise<ChosenRoute> {
    if (asked !== undefined) {
      const { verdict } = await this.#verdict(tenantId, asked);
      return { route: asked, why: "it was asked for", verdict };
    }
    const graph = await this.#verdict(tenantId, "graph");
    const { own } = graph;
    if (own !== "direct" && own !== "indirectProvider")
      return { route: "graph", why: `${graphBecause[own]}, and no other was asked for`, ...graph };
    const { verdict } = await this.#verdict(tenantId, "partnerCenter");
    if (verdict.allowed)
      return { route: "partnerCenter", why: `the partner's own way: ${verdict.proof}`, verdict };
    return { route: "graph", why: `Partner Center is not open: ${verdict.missing}`, ...graph };
  }

  async #verdict(tenantId: string, route: PartnerRoute) {
    const { kind, clock } = this.#parts;
    const kept = await this.#facts(tenantId);
    const own = kept.partnerKind ?? kind;
    const now = clock.now();
    const isFresh = now - kept.checkedAt < freshMs && kept.problems.length === 0;
    const verdict = await this.#judge(kept, route);
    // Its own devices, or nothing that is sent: there is nothing to read.
    const isPlain = own === "customer" ? route !== "partnerCenter" : route === "file";
    // A no is worth a second look: somebody may just have accepted.
    if (isPlain || (isFresh && verdict.allowed)) return { own, verdict };
    return { own, verdict: await this.#judge(await this.#read(tenantId), route) };
  }

  async #judge(facts: RelationshipFacts, route: PartnerRoute) {
    const { kind, clock, account } = this.#parts;
    const { state } = await account.state();
    const asked = { kind: facts.partnerKind ?? kind, route, account: state };
    return checkRelationship(facts, asked, clock.now());
  }

  #view(
    { tenantId, displayName }: { readonly tenantId: string; readonly displayName: string },
    facts: RelationshipFacts,
    account: AccountState,
  ): CustomerView {
    const kind = facts.partnerKind ?? this.#parts.kind;
    const now = this.#parts.clock.now();
    const { reseller, delegation, consent, oemConsent, problems, checkedAt } = facts;
    const verdicts = partnerRoutes.map(
      (route) => [route, checkRelationship(facts, { kind, route, account }, now)] as const,
    );
    return {
      tenantId,
      displayName,
      partnerKind: kind,
      relationship: {
        ...(reseller && { reseller: reseller.word }),
        ...(delegation && {
          delegation: {
            status: delegation.status,
            roles: delegation.roles,
            assigned: delegation.assigned,
            ...(delegation.endsAt === undefined ? {} : { endsAt: toIso(delegation.endsAt) }),
          },
        }),
        ...(consent && { consent: consent.permissions }),
        ...(oemConsent && {
          oemConsent: { link: oemConsent.link, acceptedAt: toIso(oemConsent.acceptedAt) },
        }),
        problems,
        ...(checkedAt === 0 ? {} : { checkedAt: toIso(checkedAt) }),
      },
      routes: Object.fromEntries(verdicts) as CustomerView["routes"],
    };
  }

  async #facts(tenantId: string): Promise<RelationshipFacts> {
    const row = await this.#parts.tables.get(tableNames.relationships, tenantId, rowKey);
    const facts = row && jsonOf(row, "facts", RelationshipFacts);
    return facts ?? { problems: [], checkedAt: 0 };
  }

  async #keep(tenantId: string, facts: RelationshipFacts): Promise<void> {
    const columns = { facts: JSON.stringify(facts) };
    await this.#parts.tables.put(tableNames.relationships, {
      partitionKey: tenantId,
      rowKey,
      ...columns,
    });
  }

  /** What could not be read leaves no fact behind: an old one would be taken for true. */
  async #read(tenantId: string): Promise<RelationshipFacts> {
    const at = this.#parts.clock.now();
    const problems: string[] = [];
    const [reseller, delegation, consent] = await Promise.all([
      this.#reseller(tenantId, problems),
      this.#delegation(tenantId, at, problems),
      this.#consent(tenantId, problems),
    ]);
    const { partnerKind, oemConsent } = await this.#facts(tenantId);
    const facts: RelationshipFacts = {
      ...(partnerKind && { partnerKind }),
      ...(oemConsent && { oemConsent }),
      ...(reseller === undefined ? {} : { reseller: { word: reseller, at } }),
      ...(delegation && { delegation }),
      ...(consent && { consent: { permissions: consent, at } }),
      problems,
      checkedAt: at,
    };
    await this.#keep(tenantId, facts);
    return facts;
  }

  async #reseller(tenantId: string, problems: string[]): Promise<string | undefined> {
    const read = await this.#parts.partnerCenter?.relationship(tenantId);
    if (read === undefined) return undefined;
    if (read.kind === "read") return read.value;
    if (read.kind === "refused" && ["noRelationship", "missing"].includes(read.reason))
      return "none";
    problems.push(plainText(`Partner Center: ${read.why}`, maxProblemChars));
    return undefined;
  }

  async #delegation(
    tenantId: string,
    at: Instant,
    problems: string[],
  ): Promise<RelationshipFacts["delegation"]> {
    const all = await this.#allDelegations(problems);
    const ours = all?.filter(({ customer }) => customer?.tenantId.toLowerCase() === tenantId) ?? [];
    // Of several the one that does most, for longest: customers keep old ones beside the new, and groups are given one of them.
    const sorted = ours.toSorted(
      (one, two) => worthOf(two) - worthOf(one) || endOf(two) - endOf(one),
    );
    const [best] = sorted;
    if (best === undefined) return undefined;
    const assigned = await this.#firstAssigned(sorted.slice(0, mostAsked), problems);
    const { status, accessDetails: roles, ...taken } = assigned ?? best;
    const endsAt = endOf(taken);
    return {
      status,
      ...(endsAt === never ? {} : { endsAt }),
      roles,
      assigned: assigned !== undefined,
      at,
    };
  }

  /** The first that a group was given, of those that do most. */
  async #firstAssigned(
    sorted: readonly Delegation[],
    problems: string[],
  ): Promise<Delegation | undefined> {
    for (const each of sorted)
      if (worthOf(each) > 1 && (await this.#isAssigned(each, problems))) return each;
    return undefined;
  }

  async #allDelegations(problems: string[]): Promise<readonly Delegation[] | undefined> {
    const { graph, tenantId } = this.#parts;
    if (tenantId === undefined) return undefined;
    const known = this.#delegations.get(tenantId);
    if (known !== undefined) return known;
    const all: Delegation[] = [];
    let answer = await graph.ask(tenantId, "v1.0", { method: "GET", path: `${path}?$top=300` });
    for (let page = 1; ; page += 1) {
      if (answer.kind !== "ok") {
        const why = answer.kind === "refused" ? wordsOf(answer) : answer.why;
        problems.push(plainText(`GDAP: ${why}`, maxProblemChars));
        return undefined;
      }
      const read = Page.safeParse(answer.body);
      if (!read.success) {
        problems.push("GDAP: it is not Graph's list");
        return undefined;
      }
      all.push(...read.data.value);
      const next = read.data["@odata.nextLink"];
      if (next === undefined) break;
      // What was read of it does not say what it lacks.
      if (page === maxPages) {
        problems.push("GDAP: the list does not end");
        return undefined;
      }
      answer = await graph.follow(tenantId, next);
    }
    this.#delegations.set(tenantId, all);
    return all;
  }

  async #isAssigned({ id }: Delegation, problems: string[]): Promise<boolean> {
    const { graph, tenantId = "" } = this.#parts;
    const of = `${path}/${encodeURIComponent(id)}/accessAssignments`;
    const answer = await graph.ask(tenantId, "v1.0", { method: "GET", path: of });
    const read = Assignments.safeParse(answer.kind === "ok" ? answer.body : undefined);
    if (!read.success) {
      problems.push("GDAP: its assignments cannot be read");
      return false;
    }
    return read.data.value.some(
      ({ status, accessDetails }) =>
        status === "active" && accessDetails.some((role) => registeringRoles.has(role)),
    );
  }

  /** The app's own token says what it may do there, which costs no request of Graph. */
  async #consent(tenantId: string, problems: string[]): Promise<string[] | undefined> {
    try {
      const token = await this.#parts.token(tenantId, false);
      const claims: unknown = JSON.parse(
        Buffer.from(token.split(".")[1] ?? "", "base64url").toString(),
      );
      const { roles } = claims as { readonly roles?: unknown };
      return Array.isArray(roles) ? roles.map(String) : [];
    } catch (error) {
      problems.push(plainText(`the app in the tenant: ${reasonOf(error)}`, maxProblemChars));
      return undefined;
    }
  }
}

const maxProblemChars = 300;
/** Relationships of a customer whose groups are asked for. */
const mostAsked = 5;
const never = Number.MAX_SAFE_INTEGER;
/** When one ends; never, where it does not say. */
const endOf = ({ endDateTime }: Pick<Delegation, "endDateTime">): Instant => {
  const at = Date.parse(endDateTime);
  return Number.isNaN(at) ? never : at;
};
const worthOf = ({ status, accessDetails }: Delegation): number =>
  (["active", "expiring"].includes(status) ? 2 : status === "approvalPending" ? 1 : 0) +
  (accessDetails.some((role) => registeringRoles.has(role)) ? 0.5 : 0);
