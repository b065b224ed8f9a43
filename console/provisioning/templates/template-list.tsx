/** Templates in their folders. One is selected, and scheduled from the toolbar. */
import { MenuItem, MenuList, makeStyles, Tab, TabList, tokens } from "@fluentui/react-components";
import { AddRegular, DocumentBulletListRegular } from "@fluentui/react-icons";
import { useRouter } from "@tanstack/react-router";
import type { Answered } from "../../../clients/api.ts";
import { useMe } from "../../api/me.ts";
import { useReadList } from "../../api/read.ts";
import { MayButton } from "../../page/may-button.tsx";
import { Go, PageFrame } from "../../page/page.tsx";
import { Empty, Shown } from "../../page/page-state.tsx";
import { Rows } from "../../page/rows.tsx";
import { useFormat } from "../../text/format.ts";
import { templateListScreen, templateScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { ScheduleButton } from "./schedule.tsx";
import { exampleOf, TemplateEditor } from "./template-editor.tsx";

/** A template as the API shows it. */
export type Template = Extract<
  Answered<"GET /api/v1/templates/{templateId}">,
  { readonly status: 200 }
>["body"];

const useStyles = makeStyles({
  quiet: { color: tokens.colorNeutralForeground2, display: "block" },
  tabs: { flexWrap: "wrap" },
});

/** The page. */
export function Page() {
  const t = useText();
  const styles = useStyles();
  const { folder, template, window: open } = templateListScreen.useSearch();
  const change = templateListScreen.useChangeSearch();
  const { body: me } = useMe();
  const reading = useReadList("GET /api/v1/templates", { query: { top: 100 } });
  const isIn = ({ visibility, owner }: Template): boolean =>
    folder === undefined ||
    (folder === "public" ? visibility === "public" : owner.id === me?.objectId);
  return (
    <PageFrame
      title={t("provisioning.templates")}
      bar={
        <>
          <ScheduleButton templateId={template} />
          <MayButton
            icon={<AddRegular />}
            permission="templates.manage"
            onClick={() => change({ window: "new" })}
          >
            {t("provisioning.newTemplate")}
          </MayButton>
        </>
      }
    >
      <TabList
        className={styles.tabs}
        selectedValue={folder ?? "all"}
        onTabSelect={(_event, { value }) =>
          change({ folder: value === "all" ? undefined : (value as "mine" | "public") })
        }
      >
        <Tab value="mine">{t("provisioning.folder.mine")}</Tab>
        <Tab value="public">{t("provisioning.folder.public")}</Tab>
        <Tab value="all">{t("provisioning.folder.all")}</Tab>
      </TabList>
      <Shown reading={reading}>
        {(all) => {
          const templates = all.filter(isIn);
          return templates.length === 0 && !reading.hasMore ? (
            <Empty icon={<DocumentBulletListRegular />} title={t("provisioning.noTemplate")}>
              {t("provisioning.noTemplateWhy")}
            </Empty>
          ) : (
            <Table {...reading} templates={templates} selected={template} />
          );
        }}
      </Shown>
      {open === "new" && (
        <TemplateEditor
          text={exampleOf()}
          visibility="mine"
          onClose={() => change({ window: undefined })}
        />
      )}
    </PageFrame>
  );
}

function Table(props: {
  readonly templates: readonly Template[];
  readonly selected: string | undefined;
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { templates, selected, hasMore, readMore } = props;
  const t = useText();
  const styles = useStyles();
  const router = useRouter();
  const { dateTime } = useFormat();
  const change = templateListScreen.useChangeSearch();
  const { body: me } = useMe();
  const columns = [
    {
      id: "name",
      title: t("provisioning.name"),
      width: "1.6fr",
      render: ({ templateId, name, description }: Template) => (
        <>
          <Go to={templateScreen.at({ templateId })}>{name}</Go>
          <span className={styles.quiet}>{description}</span>
        </>
      ),
    },
    {
      id: "folder",
      title: t("provisioning.folder"),
      render: ({ visibility, owner }: Template) =>
        visibility === "public"
          ? t("provisioning.folder.public")
          : owner.id === me?.objectId
            ? t("provisioning.folder.mine")
            : t("provisioning.somebodys"),
    },
    {
      id: "version",
      title: t("provisioning.newest"),
      render: ({ newest }: Template) =>
        t("provisioning.versionActions", { version: newest.version, count: newest.actions }),
    },
    {
      id: "at",
      title: t("provisioning.changed"),
      render: ({ newest }: Template) => dateTime(newest.at),
    },
  ];
  return (
    <Rows
      label={t("provisioning.templates")}
      columns={columns}
      items={templates}
      idOf={({ templateId }) => templateId}
      nameOf={({ name }) => name}
      hasMore={hasMore}
      readMore={readMore}
      // One at a time is selected: whoever takes another one leaves the first.
      choice={{
        chosen: new Map(selected === undefined ? [] : [[selected, true]]),
        change: ([template], isChosen) =>
          change({ template: isChosen ? template?.templateId : undefined }, true),
      }}
      renderMenu={({ templateId }) => (
        <MenuList>
          <MenuItem
            onClick={() => void router.navigate(templateScreen.at({ templateId }) as never)}
          >
            {t("provisioning.open")}
          </MenuItem>
          <MenuItem onClick={() => change({ template: templateId })}>
            {t("provisioning.select")}
          </MenuItem>
        </MenuList>
      )}
    />
  );
}
