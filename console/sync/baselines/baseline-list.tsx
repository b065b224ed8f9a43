/** Baselines: what many tenants are to have. A new one is made of what is wanted of a tenant. */
import { AddRegular, DocumentMultipleRegular } from "@fluentui/react-icons";
import { useReadList } from "../../api/read.ts";
import { Listed } from "../../page/job/listed.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Empty, Go, PageFrame } from "../../page/page.tsx";
import { baselineListScreen, baselineScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { BaselineEditor } from "./baseline-editor.tsx";

export function Page() {
  const t = useText();
  const [{ window: open }, change] = baselineListScreen.useSearchState();
  const reading = useReadList("GET /api/v1/baselines", { query: { top: 50 } });
  return (
    <PageFrame
      title={t("sync.baselines")}
      lead={t("sync.baselinesWhat")}
      bar={
        <MayButton
          icon={<AddRegular />}
          permission="baselines.manage"
          onClick={() => change({ window: "new" })}
        >
          {t("sync.newBaseline")}
        </MayButton>
      }
    >
      <Listed
        reading={reading}
        label={t("sync.baselines")}
        columns={{
          [t("sync.column.name")]: ({ baselineId, name }) => (
            <Go to={baselineScreen.at({ baselineId })}>{name}</Go>
          ),
          [t("sync.version")]: ({ newest }) => `${newest.version}: ${newest.message}`,
          [t("sync.column.what")]: ({ newest }) => t("sync.itemCount", { count: newest.items }),
          [t("sync.at")]: ({ newest }) => t.dateTime(newest.at),
        }}
        idOf={({ baselineId }) => baselineId}
        nameOf={({ name }) => name}
        empty={
          <Empty icon={<DocumentMultipleRegular />} title={t("sync.noBaselines")}>
            {t("sync.noBaselinesWhy")}
          </Empty>
        }
      />
      {open === "new" && <BaselineEditor onClose={() => change({ window: undefined }, true)} />}
    </PageFrame>
  );
}
