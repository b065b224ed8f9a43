/** Templates in their folders. One is selected, and scheduled from the toolbar. */
import { MenuItem, MenuList } from "@fluentui/react-components";
import { AddRegular, DocumentBulletListRegular } from "@fluentui/react-icons";
import type { BodyOf } from "../../../clients/api.ts";
import { useMe } from "../../api/me.ts";
import { useReadList } from "../../api/read.ts";
import { Listed, Quiet } from "../../page/job/listed.tsx";
import { Tabs } from "../../page/look/tabs.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Empty, Go, PageFrame, useGo } from "../../page/page.tsx";
import { templateListScreen, templateScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { ScheduleButton } from "./schedule.tsx";
import { TemplateEditor } from "./template-editor.tsx";

/** A template as the API shows it. */
export type Template = BodyOf<"GET /api/v1/templates/{templateId}">;

const folders = ["mine", "public", "all"] as const;

export function Page() {
  const t = useText();
  const [{ folder, template, window: open }, change] = templateListScreen.useSearchState();
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
      <Folders />
      <Listed
        reading={reading}
        label={t("provisioning.templates")}
        idOf={({ templateId }) => templateId}
        nameOf={({ name }) => name}
        keeps={isIn}
        columns={{
          [t("provisioning.name")]: ({ templateId, name, description }) => (
            <>
              <Go to={templateScreen.at({ templateId })}>{name}</Go>
              <Quiet>{description}</Quiet>
            </>
          ),
          [t("provisioning.folder")]: (each) => <Folder of={each} />,
          [t("provisioning.newest")]: ({ newest: { version, actions: count } }) =>
            t("provisioning.versionActions", { version, count }),
          [t("provisioning.changed")]: ({ newest }) => t.dateTime(newest.at),
        }}
        widths="1.6fr 1fr 1fr 1fr"
        // One at a time is selected: whoever takes another one leaves the first.
        choice={{
          chosen: new Map(template === undefined ? [] : [[template, true]]),
          change: ([each], isChosen) =>
            change({ template: isChosen ? each?.templateId : undefined }, true),
        }}
        renderMenu={({ templateId }) => <TemplateMenu templateId={templateId} />}
        empty={
          <Empty icon={<DocumentBulletListRegular />} title={t("provisioning.noTemplate")}>
            {t("provisioning.noTemplateWhy")}
          </Empty>
        }
      />
      {open === "new" && (
        <TemplateEditor visibility="mine" onClose={() => change({ window: undefined })} />
      )}
    </PageFrame>
  );
}

function Folder({ of: { visibility, owner } }: { of: Template }) {
  const t = useText();
  const { body: me } = useMe();
  if (visibility === "public") return t("provisioning.folder.public");
  return t(owner.id === me?.objectId ? "provisioning.folder.mine" : "provisioning.somebodys");
}

function Folders() {
  const t = useText();
  const [{ folder = "all" }, change] = templateListScreen.useSearchState();
  return (
    <Tabs
      value={folder}
      values={folders.map((each) => [each, t(`provisioning.folder.${each}`)])}
      onChange={(value) => change({ folder: value === "all" ? undefined : value })}
    />
  );
}

function TemplateMenu({ templateId }: { templateId: string }) {
  const t = useText();
  const go = useGo();
  const change = templateListScreen.useChangeSearch();
  const open = () => go(templateScreen.at({ templateId }));
  return (
    <MenuList>
      <MenuItem onClick={open}>{t("provisioning.open")}</MenuItem>
      <MenuItem onClick={() => change({ template: templateId })}>
        {t("provisioning.select")}
      </MenuItem>
    </MenuList>
  );
}
