/** A tenant as two of its syncs left it, side by side: what was added, removed and changed between them. */
import { Dropdown, Field, Option } from "@fluentui/react-components";
import { DocumentCheckmarkRegular } from "@fluentui/react-icons";
import { useRead, useReadList } from "../api/read.ts";
import { Fold, FoldList } from "../page/look/fold.tsx";
import { Line } from "../page/look/line.tsx";
import { Note } from "../page/look/note.tsx";
import { Empty, Go, PageFrame, Shown } from "../page/page.tsx";
import { ItemTitle, Properties } from "./plan/properties.tsx";
import { compareScreen, syncListScreen } from "./screens.ts";
import { type Sync, useText } from "./text.ts";

const colours = { added: "success", changed: "informative", removed: "danger" } as const;

export function Page() {
  const t = useText();
  const params = { tenantId: compareScreen.useParams().tenantId };
  const list = useReadList("GET /api/v1/tenants/{tenantId}/syncs", { params, query: { top: 200 } });
  return (
    <PageFrame
      title={t("sync.compare")}
      lead={t("sync.compareWhat")}
      above={<Go to={syncListScreen.at(params)}>{t("sync.title")}</Go>}
    >
      <Shown reading={list}>
        {(all) => {
          // Others have not read the tenant to its end.
          const syncs = all.filter(({ plan, outcome }) => plan ?? outcome === "succeeded");
          return syncs.length < 2 ? (
            <Empty icon={<DocumentCheckmarkRegular />} title={t("sync.tooFew")}>
              {t("sync.tooFewWhy")}
            </Empty>
          ) : (
            <Both tenantId={params.tenantId} syncs={syncs} />
          );
        }}
      </Shown>
    </PageFrame>
  );
}

function Both({ tenantId, syncs }: { tenantId: string; syncs: readonly Sync[] }) {
  const t = useText();
  const { before = syncs[1]?.syncId ?? "", after = syncs[0]?.syncId ?? "" } =
    compareScreen.useSearch();
  const change = compareScreen.useChangeSearch();
  const named = (id: string) => {
    const sync = syncs.find(({ syncId }) => syncId === id);
    return sync === undefined ? id : t.dateTime(sync.startedAt);
  };
  const choice = (of: "before" | "after", value: string) => (
    <Field label={t(`sync.${of}`)}>
      <Dropdown
        value={named(value)}
        selectedOptions={[value]}
        onOptionSelect={(_event, { optionValue }) => change({ [of]: optionValue })}
      >
        {syncs.map(({ syncId, startedAt }) => (
          <Option key={syncId} value={syncId}>
            {t.dateTime(startedAt)}
          </Option>
        ))}
      </Dropdown>
    </Field>
  );
  return (
    <>
      <Line align="normal">
        {choice("before", before)}
        {choice("after", after)}
      </Line>
      <Differences tenantId={tenantId} before={before} after={after} />
    </>
  );
}

function Differences(props: Readonly<Record<"tenantId" | "before" | "after", string>>) {
  const { tenantId, before, after } = props;
  const t = useText();
  const comparison = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/comparison", {
    params: { tenantId, syncId: after },
    query: { with: before },
  });
  return (
    <Shown reading={comparison}>
      {({ items, counts, complete, unread }) => (
        <section aria-label={t("sync.differences")}>
          <p data-differences={items.length}>{t("sync.differenceSum", counts)}</p>
          {!complete && (
            <Note intent="warning">{t("sync.notAllShown", { count: items.length })}</Note>
          )}
          {unread.length > 0 && <p>{t("sync.notCompared", { types: unread.join(", ") })}</p>}
          <FoldList>
            {items.map(({ type, key, name, state, properties }) => (
              <Fold
                key={`${type} ${key}`}
                id={`${type} ${key}`}
                as="h2"
                title={
                  <ItemTitle
                    what={t(`sync.is.${state}`)}
                    color={colours[state]}
                    item={{ name, type }}
                  />
                }
              >
                <Properties change={{ name, properties }} />
              </Fold>
            ))}
          </FoldList>
        </section>
      )}
    </Shown>
  );
}
