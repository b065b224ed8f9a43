/** One item: what is wanted beside what the tenant has, what was decided about it, and who changed it, old and new. */
import type { BodyOf } from "../../../clients/api.ts";
import { useRead } from "../../api/read.ts";
import { CallWindow } from "../../page/job/call.tsx";
import { Fold, FoldList } from "../../page/look/fold.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Code, Empty, Facts, Go, PageFrame, Shown } from "../../page/page.tsx";
import { useHeld } from "../../page/values/fields.tsx";
import { MessageField } from "../message-field.tsx";
import { Properties } from "../plan/properties.tsx";
import { configurationScreen, itemScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { stateOf } from "./configuration-page.tsx";
import { ItemEditor } from "./item-editor.tsx";
import { RulesWindow } from "./rules-window.tsx";

const path = "/api/v1/tenants/{tenantId}/configuration/{type}/{key}";
type Item = BodyOf<`GET ${typeof path}`>;
type Ids = { readonly tenantId: string; readonly type: string; readonly key: string };

export function Page() {
  const t = useText();
  const { tenantId } = itemScreen.useParams();
  const { type = "", key = "" } = itemScreen.useSearch();
  const ids = { tenantId, type, key };
  const isNamed = type !== "" && key !== "";
  const reading = useRead(`GET ${path}`, { params: ids }, { enabled: isNamed });
  const change = itemScreen.useChangeSearch();
  const manage = { permission: "configuration.manage" } as const;
  const { body } = reading;
  return (
    <PageFrame
      title={body?.name ?? t("sync.itemTitle")}
      above={
        <Go to={configurationScreen.at({ tenantId }, type === "" ? {} : { type })}>
          {t("sync.configuration")}
        </Go>
      }
      bar={
        body && (
          <>
            <MayButton {...manage} onClick={() => change({ window: "edit" })}>
              {t("sync.edit")}
            </MayButton>
            <MayButton
              {...manage}
              why={body.inDesired ? undefined : t("sync.notWanted")}
              onClick={() => change({ window: "rules" })}
            >
              {t("sync.rules")}
            </MayButton>
            <MayButton
              {...manage}
              why={body.inDesired ? undefined : t("sync.notWanted")}
              onClick={() => change({ window: "unwant" })}
            >
              {t("sync.unwant")}
            </MayButton>
          </>
        )
      }
    >
      {isNamed ? (
        <Shown reading={reading}>{(item) => <Content item={item} />}</Shown>
      ) : (
        <Empty title={t("sync.noItem")} />
      )}
      {body && reading.etag && <Windows ids={ids} item={body} etag={reading.etag} />}
    </PageFrame>
  );
}

function Content({ item }: { item: Item }) {
  const t = useText();
  const {
    type,
    key,
    flaw = "",
    fixed = "",
    differences,
    mode,
    deviations,
    overrides,
    decided,
  } = item;
  const { name } = item;
  const facts = {
    [t("sync.column.type")]: type,
    [t("sync.key")]: <Code of={key} />,
    [t("sync.column.state")]: t(`sync.item.${stateOf(item)}`),
    [t("sync.remark")]: t.said(flaw || fixed),
    [t("sync.mode")]: t(`sync.mode.${mode}`),
    [t("sync.decided")]: decided && said(decided, t.dateTime),
  };
  return (
    <>
      <Facts of={facts} />
      {differences.length > 0 && item.inDesired && item.inTenant && (
        <section>
          <h2>{t("sync.differences")}</h2>
          <p>{t("sync.differencesWhat")}</p>
          <Properties change={{ name, properties: differences }} />
        </section>
      )}
      {deviations.length > 0 && (
        <section>
          <h2>{t("sync.deviations")}</h2>
          <ul>
            {deviations.map(({ pointer, accepted, reason, until, isOver }) => (
              <li key={pointer}>
                <Code of={pointer} />: <Code of={accepted ?? "\u2014"} />. {reason}{" "}
                {until && t(isOver ? "sync.over" : "sync.untilWhen", { when: t.dateTime(until) })}
              </li>
            ))}
          </ul>
        </section>
      )}
      {overrides.length > 0 && (
        <section>
          <h2>{t("sync.overrides")}</h2>
          <ul>
            {overrides.map(({ pointer, value }) => (
              <li key={pointer}>
                <Code of={pointer} />: <Code of={value} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <History item={item} />
    </>
  );
}

/** Who changed it, old and new; and all of it as it is wanted and as it is there. */
function History({ item }: { item: Item }) {
  const t = useText();
  const { history, desired, actual, name } = item;
  return (
    <section>
      <h2>{t("sync.history")}</h2>
      <FoldList>
        {history.map(({ revision, properties, ...made }) => (
          <Fold key={revision} id={revision} as="h3" title={said(made, t.dateTime)}>
            <Properties change={{ name, properties }} />
          </Fold>
        ))}
        {Object.entries({ wanted: desired, inTenant: actual }).map(
          ([id, content]) =>
            content !== undefined && (
              <Fold key={id} id={id} as="h3" title={t(`sync.${id as "wanted" | "inTenant"}`)}>
                <Code of={content} />
              </Fold>
            ),
        )}
      </FoldList>
    </section>
  );
}

type Made = Pick<Item["history"][number], "at" | "by" | "message">;
const said = ({ at, by, message }: Made, dateTime: (at: string) => string): string =>
  `${dateTime(at)}, ${by.name ?? (by.id === "" ? "Muster" : by.id)}: ${message}`;

/** The window that the address names. */
type Opened = { readonly ids: Ids; readonly item: Item; readonly etag: string };

function Windows({ ids, item, etag }: Opened) {
  const [{ window }, change] = itemScreen.useSearchState();
  const close = () => change({ window: undefined }, true);
  const { desired, actual, key } = item;
  switch (window) {
    case "edit":
      return <ItemEditor ids={ids} item={{ key, body: desired ?? actual, etag }} onClose={close} />;
    case "rules":
      return <Rules ids={ids} item={item} onClose={close} />;
    case "unwant":
      return <UnwantWindow ids={ids} etag={etag} onClose={close} />;
    default:
      return null;
  }
}

function Rules({ ids, item, onClose }: { ids: Ids; item: Item; onClose: () => void }) {
  const { body, etag } = useRead(`GET ${path}/rules`, { params: ids });
  if (body === undefined || etag === undefined) return null;
  const { differences } = item;
  return (
    <RulesWindow ids={ids} rules={body} etag={etag} differences={differences} onClose={onClose} />
  );
}

/** Asks before nobody wants it any more. */
function UnwantWindow({ ids, etag, onClose }: { ids: Ids; etag: string; onClose: () => void }) {
  const t = useText();
  const message = useHeld("");
  return (
    <CallWindow
      title={t("sync.unwant")}
      verb={t("sync.unwantDo")}
      call={`DELETE ${path}`}
      given={{ params: ids, query: { message: message.value.trim() }, ifMatch: etag }}
      isReady={message.value.trim() !== ""}
      onClose={onClose}
    >
      {t("sync.unwantWhat")}
      <MessageField {...message} />
    </CallWindow>
  );
}
