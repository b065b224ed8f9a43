/** A template: its five sections in one of its versions, beside another where somebody compares; scheduled from the toolbar. */
import { makeStyles } from "@fluentui/react-components";
import { ArrowDownloadRegular, DeleteRegular, EditRegular } from "@fluentui/react-icons";
import { useMay, useMe } from "../../api/me.ts";
import { useRead, useReadList } from "../../api/read.ts";
import { useTenantId } from "../../frame/tenant.ts";
import { CallWindow } from "../../page/job/call.tsx";
import { Line } from "../../page/look/line.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Go, PageFrame, Shown, useGo } from "../../page/page.tsx";
import { saveFile } from "../../page/save-file.tsx";
import { SelectField } from "../../page/values/fields.tsx";
import { runListScreen, templateListScreen, templateScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { ScheduleButton } from "./schedule.tsx";
import { TemplateEditor } from "./template-editor.tsx";
import type { Template } from "./template-list.tsx";
import { type Content, Differences, Sections } from "./template-sections.tsx";

const useStyles = makeStyles({
  field: { flexBasis: "260px", maxWidth: "100%" },
});

/** A version's content; nothing is asked where none is named. */
const useVersion = (templateId: string, version: string | undefined) =>
  useRead(
    "GET /api/v1/templates/{templateId}/versions/{version}",
    { params: { templateId, version: version ?? "" } },
    { enabled: version !== undefined },
  );

export function Page() {
  const t = useText();
  const { templateId } = templateScreen.useParams();
  const search = templateScreen.useSearch();
  const reading = useRead("GET /api/v1/templates/{templateId}", { params: { templateId } });
  const template = reading.body;
  const version = search.version ?? template?.newest.version.toString();
  const content = useVersion(templateId, version);
  return (
    <PageFrame
      title={template?.name ?? t("provisioning.template")}
      above={<Go to={templateListScreen.at()}>{t("provisioning.templates")}</Go>}
      lead={template?.description}
      bar={
        <>
          <ScheduleButton
            templateId={templateId}
            version={version === undefined ? undefined : Number(version)}
          />
          {content.body && (
            <Commands
              content={content.body}
              isOfAnother={content.isOfAnother || reading.isOfAnother}
              owner={template?.owner.id}
            />
          )}
        </>
      }
    >
      <Shown reading={reading}>
        {(each) => <Body template={each} etag={reading.etag} version={version} content={content} />}
      </Shown>
    </PageFrame>
  );
}

function Commands(props: {
  content: Content;
  /** The version that was shown before: the chosen one is on its way, and nothing is made of this one. */
  isOfAnother: boolean;
  owner: string | undefined;
}) {
  const { content, isOfAnother, owner } = props;
  const t = useText();
  const may = useMay();
  const { body: me } = useMe();
  const isOthers = owner !== me?.objectId && !may("templates.administer");
  const why = isOthers ? t("provisioning.notYourTemplate") : undefined;
  const takes = { permission: "templates.manage", why } as const;
  const change = templateScreen.useChangeSearch();
  const open = (window: "edit" | "remove") => () => change({ window });
  const text = () =>
    new Blob([JSON.stringify(content, undefined, 2)], { type: "application/json" });
  return (
    <>
      <MayButton {...takes} icon={<EditRegular />} isBusy={isOfAnother} onClick={open("edit")}>
        {t("provisioning.edit")}
      </MayButton>
      <MayButton
        icon={<ArrowDownloadRegular />}
        isBusy={isOfAnother}
        onClick={() => saveFile(text(), `${content.name}.json`)}
      >
        {t("provisioning.export")}
      </MayButton>
      <MayButton {...takes} icon={<DeleteRegular />} onClick={open("remove")}>
        {t("provisioning.remove")}
      </MayButton>
    </>
  );
}

function Body(props: {
  template: Template;
  etag: string | undefined;
  version: string | undefined;
  content: ReturnType<typeof useVersion>;
}) {
  const { template, etag, version, content } = props;
  const { templateId, name, visibility } = template;
  const t = useText();
  const go = useGo();
  const tenantId = useTenantId();
  const [{ compare, window: open }, change] = templateScreen.useSearchState();
  const other = useVersion(templateId, compare);
  const close = () => change({ window: undefined }, true);
  return (
    <>
      <Versions template={template} version={version} />
      {tenantId !== undefined && (
        <div>
          <Go to={runListScreen.at({ tenantId }, { template: templateId })}>
            {t("provisioning.itsRuns")}
          </Go>
        </div>
      )}
      <Shown reading={content}>
        {(now) =>
          compare === undefined ? (
            <Sections content={now} />
          ) : (
            <Shown reading={other}>{(old) => <Differences old={old} now={now} />}</Shown>
          )
        }
      </Shown>
      {open === "edit" && content.body && (
        <TemplateEditor
          draft={{ ...content.body, message: "" }}
          visibility={visibility}
          existing={{ templateId, etag }}
          onClose={() => change({ window: undefined, version: undefined })}
        />
      )}
      {open === "remove" && (
        <CallWindow
          title={t("provisioning.removeTemplate", { name })}
          verb={t("provisioning.removeYes")}
          call="DELETE /api/v1/templates/{templateId}"
          given={{ params: { templateId } }}
          onDone={() => go(templateListScreen.at())}
          onClose={close}
        >
          {t("provisioning.removeTemplateWhat")}
        </CallWindow>
      )}
    </>
  );
}

/** Which version is shown, and which one beside it. */
function Versions({ template, version }: { template: Template; version: string | undefined }) {
  const { templateId } = template;
  const t = useText();
  const styles = useStyles();
  const [{ compare }, change] = templateScreen.useSearchState();
  const { body: versions = [] } = useReadList("GET /api/v1/templates/{templateId}/versions", {
    params: { templateId },
    query: { top: 100 },
  });
  const values = versions.map(({ version: number, at, message }) => {
    const words = { version: number, at: t.dateTime(at), message };
    return [`${number}`, t("provisioning.versionAt", words)] as const;
  });
  return (
    <Line gap="large" align="end">
      <SelectField
        label={t("provisioning.versionShown")}
        className={styles.field}
        value={version ?? ""}
        values={values}
        onChange={(to) => change({ version: to })}
      />
      {versions.length > 1 && (
        <SelectField
          label={t("provisioning.compareWith")}
          className={styles.field}
          value={compare ?? ""}
          none={t("provisioning.none")}
          values={values}
          onChange={(to) => change({ compare: to === "" ? undefined : to })}
        />
      )}
    </Line>
  );
}
