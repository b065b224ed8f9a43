/** "Schedule template": makes a task of a template in the tenant that the frame names, and opens it among the scheduled tasks. */
import { CalendarAddRegular } from "@fluentui/react-icons";
import { useMay } from "../../api/me.ts";
import { useSend } from "../../api/send.ts";
import { useTenantId } from "../../frame/tenant.ts";
import { MayButton } from "../../page/may-button.tsx";
import { useGo } from "../../page/page.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { taskListScreen } from "../screens.ts";
import { useText } from "../text.ts";

/** The button. Without a template it says that one has to be selected. */
export function ScheduleButton(props: {
  templateId: string | undefined;
  /** The newest, if none is named. */
  version?: number | undefined;
}) {
  const { templateId, version } = props;
  const t = useText();
  const go = useGo();
  const may = useMay();
  const tenantId = useTenantId();
  const sending = useSend("POST /api/v1/templates/{templateId}/schedule");
  const schedule = async () => {
    if (templateId === undefined || tenantId === undefined) return;
    const made = await sending.send({
      params: { templateId },
      body: { tenantId, ...(version !== undefined && { version }) },
    });
    if (made === undefined) return;
    const search = { folder: "mine", task: made.body.taskId } as const;
    go(taskListScreen.at({ tenantId }, search));
  };
  const why =
    templateId === undefined
      ? t("provisioning.selectTemplate")
      : tenantId === undefined
        ? t("provisioning.chooseTenant")
        : may("provisioning.run", tenantId)
          ? undefined
          : t("provisioning.mayNotRun");
  return (
    <>
      <MayButton
        icon={<CalendarAddRegular />}
        permission="tasks.manage"
        tenantId={tenantId}
        why={why}
        isBusy={sending.isSending}
        onClick={() => void schedule()}
      >
        {t("provisioning.scheduleTemplate")}
      </MayButton>
      {sending.problem && <ProblemView problem={sending.problem} />}
    </>
  );
}
