/** A tenant's configuration, type by type: what is wanted, what the tenant has, and where the two differ. */
import { DocumentSettingsRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { useConnection } from "../../api/connection.tsx";
import { type Reading, useRead } from "../../api/read.ts";
import { Choose, Filters, Typed } from "../../page/filters.tsx";
import { Listed } from "../../page/job/listed.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Empty, Go, PageFrame } from "../../page/page.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { saveFile } from "../../page/save-file.tsx";
import { configurationScreen, itemScreen, itemStates } from "../screens.ts";
import { useText } from "../text.ts";
import { ImportWindow } from "./import-window.tsx";
import { ItemEditor } from "./item-editor.tsx";
import { SettingsWindow } from "./settings-window.tsx";

const typesPath = "GET /api/v1/tenants/{tenantId}/configuration";
const itemsPath = "GET /api/v1/tenants/{tenantId}/configuration/{type}";
export type Type = BodyOf<typeof typesPath>["value"][number];
type Item = BodyOf<typeof itemsPath>["value"][number];

/** How an item stands: wanted and so, wanted and otherwise, wanted alone, or there alone. */
export const stateOf = ({ inDesired, inTenant, differs }: Omit<Item, "type" | "key" | "name">) =>
  !inTenant ? "missing" : !inDesired ? "unmanaged" : differs ? "differs" : "same";

const found = (text: string, of: string | undefined): boolean =>
  of === undefined || text.toLowerCase().includes(of.toLowerCase());

/** Saves all that is wanted of a tenant as a file. */
function useExport(tenantId: string) {
  const { api } = useConnection();
  const params = { tenantId };
  const [problem, setProblem] = useState<Parameters<typeof ProblemView>[0]["problem"]>();
  const save = async () => {
    const answer = await api.call("GET /api/v1/tenants/{tenantId}/configuration-export", {
      params,
    });
    setProblem(answer.ok ? undefined : answer.problem);
    if (!answer.ok) return;
    const text = JSON.stringify(answer.body, undefined, 2);
    saveFile(new Blob([text], { type: "application/json" }), `configuration-${tenantId}.json`);
  };
  return { save, problem };
}

export function Page() {
  const t = useText();
  const { tenantId } = configurationScreen.useParams();
  const [{ type, window }, change] = configurationScreen.useSearchState();
  const filter = configurationScreen.useFilters(["type", "search", "state"]);
  const params = { tenantId };
  const types = useRead(typesPath, { params });
  const { save, problem } = useExport(tenantId);
  const manage = { permission: "configuration.manage" } as const;
  const close = () => change({ window: undefined }, true);
  return (
    <PageFrame
      title={t("sync.configuration")}
      lead={t("sync.configurationWhat")}
      bar={
        <>
          <MayButton onClick={() => void save()}>{t("sync.export")}</MayButton>
          <MayButton {...manage} onClick={() => change({ window: "import" })}>
            {t("sync.import")}
          </MayButton>
          <MayButton {...manage} onClick={() => change({ window: "settings" })}>
            {t("sync.settings")}
          </MayButton>
          {type && (
            <MayButton {...manage} onClick={() => change({ window: "new" })}>
              {t("sync.newItem")}
            </MayButton>
          )}
        </>
      }
    >
      {problem && <ProblemView problem={problem} />}
      <Filters {...filter.all}>
        <Choose
          label={t("sync.column.type")}
          value={type}
          values={(types.body?.value ?? []).map((each) => [each.type, t.name(each.names)] as const)}
          onChange={(value) => change({ type: value })}
        />
        <Typed isSearch label={t("sync.search")} {...filter.of("search")} />
        {type && (
          <Choose
            label={t("sync.column.state")}
            {...filter.of("state")}
            values={itemStates.map((each) => [each, t(`sync.item.${each}`)] as const)}
          />
        )}
      </Filters>
      {type ? <Items tenantId={tenantId} type={type} /> : <Types reading={types} />}
      {window === "settings" && types.body && (
        <SettingsWindow tenantId={tenantId} types={types.body.value} onClose={close} />
      )}
      {window === "import" && <ImportWindow tenantId={tenantId} onClose={close} />}
      {window === "new" && type && <ItemEditor ids={{ tenantId, type }} onClose={close} />}
    </PageFrame>
  );
}

function Types({ reading }: { reading: Reading<{ readonly value: Type[] }> }) {
  const t = useText();
  const { tenantId } = configurationScreen.useParams();
  const { search } = configurationScreen.useSearch();
  return (
    <Listed
      reading={{ ...reading, body: reading.body?.value }}
      keeps={({ type, names }) => found(`${type} ${t.name(names)}`, search)}
      label={t("sync.configuration")}
      idOf={({ type }) => type}
      nameOf={({ names }) => t.name(names)}
      columns={{
        [t("sync.column.type")]: ({ type, names }) => (
          <Go to={configurationScreen.at({ tenantId }, { type })}>{t.name(names)}</Go>
        ),
        [t("sync.wanted")]: ({ items }) => t.number(items),
        [t("sync.inTenant")]: ({ inTenant }) => t.number(inTenant),
        [t("sync.isWritten")]: ({ isWritten, writtenBy }) =>
          t(isWritten ? `sync.writtenBy.${writtenBy}` : "sync.readOnly"),
      }}
      widths="2fr 1fr 1fr 1fr"
      empty={<NoneSuch />}
    />
  );
}

function Items(params: { tenantId: string; type: string }) {
  const t = useText();
  const { search, state } = configurationScreen.useSearch();
  const reading = useRead(itemsPath, { params });
  return (
    <Listed
      reading={{ ...reading, body: reading.body?.value }}
      keeps={(item) =>
        found(`${item.name} ${item.key}`, search) && (state ?? stateOf(item)) === stateOf(item)
      }
      label={t("sync.configuration")}
      idOf={({ key }) => key}
      nameOf={({ name }) => name}
      columns={{
        [t("sync.column.name")]: ({ type, key, name }) => (
          <Go to={itemScreen.at({ tenantId: params.tenantId }, { type, key })}>{name}</Go>
        ),
        [t("sync.column.state")]: (item) => t(`sync.item.${stateOf(item)}`),
        [t("sync.remark")]: ({ flaw, fixed }) => t.said(flaw ?? fixed),
      }}
      widths="2fr 1fr 2fr"
      empty={<NoneSuch />}
    />
  );
}

function NoneSuch() {
  const t = useText();
  return (
    <Empty icon={<DocumentSettingsRegular />} title={t("sync.noItem")}>
      {t("sync.noItemWhy")}
    </Empty>
  );
}
