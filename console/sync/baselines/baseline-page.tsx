/** A baseline: its versions, which tenant is on which, and its publication, which writes nothing before it is approved. */
import { MenuItem, MenuList } from "@fluentui/react-components";
import { SendRegular } from "@fluentui/react-icons";
import type { BodyOf } from "../../../clients/api.ts";
import { useRead, useReadList } from "../../api/read.ts";
import { Ticks } from "../../page/filters.tsx";
import { CallWindow } from "../../page/job/call.tsx";
import { Note } from "../../page/look/note.tsx";
import { MayButton, MayItem } from "../../page/may-button.tsx";
import { Empty, Go, PageFrame, Shown, useGo } from "../../page/page.tsx";
import { Rows } from "../../page/rows.tsx";
import { SelectField, useHeld } from "../../page/values/fields.tsx";
import { Window } from "../../page/window.tsx";
import { baselineListScreen, baselineScreen, syncScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { BaselineEditor } from "./baseline-editor.tsx";
import { LeaveWindow, PreviewWindow, TailoringWindow } from "./tailoring-window.tsx";

type Baseline = BodyOf<"GET /api/v1/baselines/{baselineId}">;

export function Page() {
  const t = useText();
  const { baselineId } = baselineScreen.useParams();
  const [{ version }, change] = baselineScreen.useSearchState();
  const close = () => change({ window: undefined, version: undefined, tenant: undefined }, true);
  const names = useTenants();
  const manage = { permission: "baselines.manage" } as const;
  const reading = useRead(
    "GET /api/v1/baselines/{baselineId}",
    { params: { baselineId } },
    { every: ({ counts }) => (counts.queued > 0 ? 2 : 30) },
  );
  const { body } = reading;
  return (
    <PageFrame
      title={body?.name ?? t("sync.baseline")}
      lead={body?.description}
      above={<Go to={baselineListScreen.at()}>{t("sync.baselines")}</Go>}
      bar={
        <>
          <MayButton
            icon={<SendRegular />}
            permission="configuration.manage"
            onClick={() => change({ window: "publish" })}
          >
            {t("sync.publish")}
          </MayButton>
          <MayButton permission="configuration.manage" onClick={() => change({ window: "tailor" })}>
            {t("sync.putOn")}
          </MayButton>
          <MayButton {...manage} onClick={() => change({ window: "edit" })}>
            {t("sync.newVersion")}
          </MayButton>
          <MayButton {...manage} onClick={() => change({ window: "remove" })}>
            {t("sync.removeBaseline")}
          </MayButton>
        </>
      }
    >
      <Shown reading={reading}>
        {(baseline) => (
          <>
            <h2>{t("sync.versions")}</h2>
            <ul>
              {baseline.versions.map((each) => (
                <li key={each.version}>
                  <Go to={baselineScreen.at({ baselineId }, { version: String(each.version) })}>
                    {`${each.version}: ${each.message}`}
                  </Go>{" "}
                  {t("sync.itemCount", { count: each.items })}, {t.dateTime(each.at)}
                </li>
              ))}
            </ul>
            <h2>{t("sync.tenants")}</h2>
            <Tenants baseline={baseline} names={names} />
          </>
        )}
      </Shown>
      {body && <Windows baseline={body} etag={reading.etag ?? ""} names={names} onClose={close} />}
      {version !== undefined && (
        <VersionWindow baselineId={baselineId} version={version} onClose={close} />
      )}
    </PageFrame>
  );
}

/** The window that the address names. */
function Windows(props: { baseline: Baseline; etag: string; names: Names } & Closing) {
  const { baseline, etag, names, onClose } = props;
  const t = useText();
  const go = useGo();
  const [{ window, tenant: tenantId }, change] = baselineScreen.useSearchState();
  const { baselineId, newest } = baseline;
  const tailoring = { baselineId, tenantId, version: newest.version, tenants: names, onClose };
  switch (window) {
    case "publish":
      return <PublishWindow baseline={baseline} names={names} onClose={onClose} />;
    case "edit":
      return <NextVersion baseline={baseline} etag={etag} onClose={onClose} />;
    case "remove":
      return (
        <CallWindow
          title={t("sync.removeBaseline")}
          verb={t("sync.removeDo")}
          call="DELETE /api/v1/baselines/{baselineId}"
          given={{ params: { baselineId }, ifMatch: etag }}
          onDone={() => go(baselineListScreen.at())}
          onClose={onClose}
        >
          {t("sync.removeBaselineWhat", { name: baseline.name })}
        </CallWindow>
      );
    case "tailor":
      return <TailoringWindow {...tailoring} onChoose={(tenant) => change({ tenant }, true)} />;
    default:
      break;
  }
  if (tenantId === undefined) return null;
  const ids = { baselineId, tenantId };
  if (window === "preview") return <PreviewWindow ids={ids} onClose={onClose} />;
  if (window === "leave")
    return <LeaveWindow ids={ids} name={names.get(tenantId) ?? tenantId} onClose={onClose} />;
  return null;
}

function NextVersion({ baseline, etag, onClose }: { baseline: Baseline; etag: string } & Closing) {
  const { baselineId, name, description, newest } = baseline;
  const { body } = useRead("GET /api/v1/baselines/{baselineId}/versions/{version}", {
    params: { baselineId, version: newest.version },
  });
  if (body === undefined) return null;
  const { parameters } = body;
  return (
    <BaselineEditor
      existing={{ baselineId, name, description, etag, parameters }}
      onClose={onClose}
    />
  );
}

type Names = ReadonlyMap<string, string>;

/** Names of tenants by their ids. */
function useTenants(): Names {
  const { body } = useReadList("GET /api/v1/tenants", { query: { top: 200 } });
  return new Map(body?.map(({ tenantId, displayName }) => [tenantId, displayName]));
}

function Tenants(props: { baseline: Baseline; names: Names }) {
  const { tenants } = props.baseline;
  const { names } = props;
  const change = baselineScreen.useChangeSearch();
  const t = useText();
  type Tenant = Baseline["tenants"][number];
  if (tenants.length === 0)
    return <Empty title={t("sync.onNobody")}>{t("sync.onNobodyWhy")}</Empty>;
  const nameOf = ({ tenantId }: Tenant) => names.get(tenantId) ?? tenantId;
  return (
    <Rows
      label={t("sync.tenants")}
      columns={{
        [t("sync.column.name")]: nameOf,
        [t("sync.version")]: ({ on, isBehind }) =>
          isBehind ? t("sync.behind", { version: on ?? "\u2014" }) : String(on),
        [t("sync.column.state")]: ({ tenantId, publication }) =>
          publication && (
            <>
              {t.named("publications", publication.state)}, {t.dateTime(publication.at)}{" "}
              {publication.syncId && (
                <Go to={syncScreen.at({ tenantId, syncId: publication.syncId })}>
                  {t("sync.one")}
                </Go>
              )}
            </>
          ),
        [t("sync.column.why")]: ({ publication }) =>
          [publication?.detail, ...(publication?.faults ?? []).map(({ detail }) => detail)]
            .filter(Boolean)
            .map(t.said)
            .join(" "),
      }}
      items={tenants}
      idOf={({ tenantId }) => tenantId}
      nameOf={nameOf}
      renderMenu={({ tenantId: tenant }) => (
        <MenuList>
          <MayItem
            permission="configuration.manage"
            tenantId={tenant}
            onClick={() => change({ window: "tailor", tenant })}
          >
            {t("sync.tailor")}
          </MayItem>
          <MenuItem onClick={() => change({ window: "preview", tenant })}>
            {t("sync.preview")}
          </MenuItem>
          <MayItem
            permission="configuration.manage"
            tenantId={tenant}
            onClick={() => change({ window: "leave", tenant })}
          >
            {t("sync.takeOff")}
          </MayItem>
        </MenuList>
      )}
    />
  );
}

type Closing = { readonly onClose: () => void };

/** Chooses a version and tenants; those that are on the baseline are chosen. */
function PublishWindow(props: { baseline: Baseline; names: Names } & Closing) {
  const { baseline, names, onClose } = props;
  const t = useText();
  const { baselineId, versions, newest, tenants } = baseline;
  const version = useHeld(String(newest.version));
  const chosen = useHeld(() => tenants.map(({ tenantId }) => tenantId));
  const body = { version: Number(version.value), tenantIds: chosen.value };
  return (
    <CallWindow
      title={t("sync.publish")}
      verb={t("sync.publishTo", { count: chosen.value.length })}
      call="POST /api/v1/baselines/{baselineId}/publish"
      given={{ params: { baselineId }, body }}
      isReady={chosen.value.length > 0}
      said={() => t("sync.publishing")}
      onClose={onClose}
    >
      <Note intent="info">{t("sync.publishWhat")}</Note>
      <SelectField
        label={t("sync.version")}
        values={versions.map(
          (each) => [String(each.version), `${each.version}: ${each.message}`] as const,
        )}
        {...version}
      />
      <Ticks label={t("sync.tenants")} known={[...names]} {...chosen} />
    </CallWindow>
  );
}

/** What a version holds. */
function VersionWindow(props: { baselineId: string; version: string } & Closing) {
  const { baselineId, version, onClose } = props;
  const t = useText();
  const reading = useRead("GET /api/v1/baselines/{baselineId}/versions/{version}", {
    params: { baselineId, version },
  });
  return (
    <Window title={t("sync.versionOf", { version })} onClose={onClose}>
      <Shown reading={reading}>
        {({ message, parameters, items }) => (
          <>
            <div>{message}</div>
            {parameters.length > 0 && (
              <div>
                {t("sync.parameters", { names: parameters.map(({ name }) => name).join(", ") })}
              </div>
            )}
            <ul>
              {items.map(({ type, key }) => (
                <li key={`${type} ${key}`}>{`${key} (${type})`}</li>
              ))}
            </ul>
          </>
        )}
      </Shown>
    </Window>
  );
}
