/** Why somebody may do something, or may not: down to the assignment that allows it, or the step where it fails. */
import { Field, Input, Subtitle2 } from "@fluentui/react-components";
import { QuestionRegular } from "@fluentui/react-icons";
import { useId, useMemo } from "react";
import type { BodyOf } from "../../clients/api.ts";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useActions } from "../notifications/action-bar.tsx";
import { Choose, Filters, Typed } from "../page/filters.tsx";
import { Note } from "../page/look/note.tsx";
import { Empty, PageFrame, Shown } from "../page/page.tsx";
import { Rows } from "../page/rows.tsx";
import { useScopeWords, useTenants } from "./scope.ts";
import { whyScreen } from "./screens.ts";
import { useText } from "./text.ts";

const explain = "GET /api/v1/access/explain";
type Explained = BodyOf<typeof explain>;

/** Every operation that the API's document has, with what it is for. */
function useOperations(): readonly (readonly [id: string, summary: string])[] {
  const { body } = useRead("GET /api/v1/openapi.json", {});
  return useMemo(() => {
    type Operation = { readonly operationId?: string; readonly summary?: string };
    const paths = (body?.["paths"] ?? {}) as Record<string, Record<string, Operation>>;
    return Object.values(paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ operationId: id, summary = "" }) => (id ? [[id, summary] as const] : []))
      .toSorted(([one], [other]) => (one < other ? -1 : 1));
  }, [body]);
}

const fields = ["operation", "tenant", "work", "action", "principal", "groups"] as const;
/** What tasks begin. */
const works = ["notification", "sync", "provisioning"] as const;

/** What an operation may be asked about: known once it was asked about at all. */
function useExplained(): ReturnType<typeof useRead<typeof explain>> {
  const { operation, tenant, work, action, principal, groups } = whyScreen.useSearch();
  const query = { operation: operation ?? "", tenantId: tenant, work, action, principal, groups };
  return useRead(explain, { query }, { enabled: operation !== undefined });
}

export function Page() {
  const t = useText();
  const { operation } = whyScreen.useSearch();
  const reading = useExplained();
  return (
    <PageFrame title={t("access.why")} lead={t("access.whyLead")}>
      <Question />
      {operation === undefined ? (
        <Empty icon={<QuestionRegular />} title={t("access.whyAsk")} />
      ) : (
        <Shown reading={reading}>{(answer) => <Answer answer={answer} />}</Shown>
      )}
    </PageFrame>
  );
}

function Question() {
  const t = useText();
  const may = useMay();
  const [said, change] = whyScreen.useSearchState();
  const filter = whyScreen.useFilters(fields);
  const operations = useOperations();
  const tenants = useTenants();
  const list = useId();
  return (
    <Filters {...filter.all}>
      <Field label={t("access.operation")}>
        <Input
          // Somebody else's question begins anew.
          key={said.operation ?? ""}
          type="search"
          defaultValue={said.operation ?? ""}
          input={{ list }}
          onChange={(_event, { value }) => {
            if (operations.some(([id]) => id === value))
              change({ operation: value, work: undefined, action: undefined }, true);
          }}
        />
        <datalist id={list}>
          {operations.map(([id, summary]) => (
            <option key={id} value={id}>
              {summary}
            </option>
          ))}
        </datalist>
      </Field>
      <Choose
        label={t("access.tenant")}
        {...filter.of("tenant")}
        values={tenants.map((each) => [each.tenantId, each.displayName] as const)}
        any={t("access.noTenant")}
      />
      <Work />
      {may("access.read") && (
        <>
          <Typed label={t("access.whom")} {...filter.of("principal")} />
          <Typed label={t("access.inGroups")} {...filter.of("groups")} />
        </>
      )}
    </Filters>
  );
}

/** What the operation begins, and with which action, where it begins anything. */
function Work() {
  const t = useText();
  const ofAction = whyScreen.useFilters(["action"]).of("action");
  const ofWorks = whyScreen.useFilters(["work"], { action: undefined }).of("work");
  const about = useExplained().body;
  const actions = useActions();
  const types = useRead("GET /api/v1/provisioning/action-types", {});
  const ofWork = about?.work === "provisioning" ? types.body?.value : actions.body?.value;
  return (
    <>
      {about?.takes.includes("work") && (
        <Choose
          label={t("access.begins")}
          {...ofWorks}
          values={works.map((each) => [each, t(`access.begins.${each}`)] as const)}
          any={t("access.noWork")}
        />
      )}
      {about?.takes.includes("action") && (
        <Choose
          label={t("access.action")}
          {...ofAction}
          values={(ofWork ?? []).map((each) => [each.id, t.name(each.name)] as const)}
          any={t("access.noAction")}
        />
      )}
    </>
  );
}

/** Where it fails. */
const steps = ["assignment", "permission", "scope"] as const;

function Answer({ answer }: { answer: Explained }) {
  const t = useText();
  const { allowed, because, limitedToCollections: limits, step, groupsComplete, besides } = answer;
  const known = steps.find((each) => each === step);
  const yes = besides === undefined ? "Yes" : "SoFar";
  return (
    <>
      <Note
        intent={allowed ? "success" : "warning"}
        data-allowed={allowed}
        title={t(`access.may${allowed ? yes : "No"}`)}
      >
        {known && t(`access.step.${known}`)}
        {because !== undefined && t("access.because", { assignment: because })}
        {limits && ` ${t("access.limited", { count: limits.length })}`}
        {!groupsComplete && ` ${t("access.groupsMissing")}`}
        {besides !== undefined && <p data-besides>{`${t("access.besides")} ${t.said(besides)}`}</p>}
      </Note>
      {answer.asked.map((each) => (
        <Asked key={each.permission} of={each} />
      ))}
    </>
  );
}

function Asked({ of }: { of: Explained["asked"][number] }) {
  const t = useText();
  const scopeWords = useScopeWords();
  return (
    <section>
      <Subtitle2 as="h2">{`${of.permission}: ${t(of.allowed ? "access.yes" : "access.no")}`}</Subtitle2>
      <p>{t.named("permissions", of.permission)}</p>
      {of.findings.length > 0 && (
        <Rows
          label={of.permission}
          columns={{
            [t("access.role")]: ({ assignment: { roleId }, roleName }) => {
              const name = t.named("roles", roleId);
              return name === roleId ? (roleName ?? t("access.roleGone")) : name;
            },
            [t("access.scope")]: ({ assignment: { scope } }) => scopeWords(scope),
            [t("access.grants")]: ({ grants }) => t(grants ? "access.yes" : "access.no"),
            [t("access.reach")]: ({ reach }) => t(`access.reach.${reach}`),
          }}
          items={of.findings}
          idOf={({ assignment }) => assignment.assignmentId}
          nameOf={({ assignment }) => assignment.assignmentId}
        />
      )}
    </section>
  );
}
