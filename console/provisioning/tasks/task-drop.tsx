/** Tasks that take devices, beside a list of devices: what is dragged onto one is added to it, and so is what is chosen, by its button. */
import { Button, Subtitle2 } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import { useReadList } from "../../api/read.ts";
import { Listed } from "../../page/job/listed.tsx";
import { Empty, Go } from "../../page/page.tsx";
import { taskListScreen, templateListScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { Refused, useAddTargets } from "./add-targets.tsx";
import { type Targets, targetsOf, useRights } from "./task.ts";
import { Badges } from "./task-panel.tsx";

/** The tasks. `targets`: what the button adds, and `words` says what that is; undefined where nothing is chosen. */
export function TaskDrop(props: {
  tenantId: string;
  targets: Partial<Targets> | undefined;
  words: string;
}) {
  const { tenantId, targets, words } = props;
  const t = useText();
  const rightsOf = useRights(tenantId);
  const { add, drop, isSending, refusal } = useAddTargets(tenantId);
  const reading = useReadList("GET /api/v1/tenants/{tenantId}/tasks", {
    params: { tenantId },
    query: { folder: "all", top: 100 },
  });
  return (
    <section aria-label={t("provisioning.addTo")} data-task-drop>
      <Subtitle2 as="h2">{t("provisioning.addTo")}</Subtitle2>
      <p>
        {t("provisioning.dropWhat")} {words}
      </p>
      <Refused of={refusal} />
      <Listed
        reading={reading}
        keeps={(task) => task.kind === "provisioning" && rightsOf(task).mayChange}
        label={t("provisioning.addTo")}
        columns={{
          [t("provisioning.name")]: ({ taskId, displayName }) => (
            <Go to={taskListScreen.at({ tenantId }, { task: taskId })}>{displayName}</Go>
          ),
          [t("provisioning.state")]: (task) => <Badges task={task} />,
          [t("provisioning.targets")]: (task) => <TargetCount of={targetsOf(task)} />,
          [t("provisioning.addTo")]: ({ taskId, displayName }) => (
            <Button
              size="small"
              icon={<AddRegular />}
              disabledFocusable={targets === undefined || isSending}
              onClick={() => targets && void add(taskId, targets)}
            >
              {t("provisioning.addHere", { name: displayName })}
            </Button>
          ),
        }}
        idOf={({ taskId }) => taskId}
        nameOf={({ displayName }) => displayName}
        onDrop={drop}
        empty={
          <Empty
            title={t("provisioning.noTaskTakes")}
            action={<Go to={templateListScreen.at()}>{t("provisioning.templates")}</Go>}
          />
        }
      />
    </section>
  );
}

function TargetCount({ of: { deviceIds, collectionIds, rules } }: { of: Targets }) {
  const t = useText();
  const [devices, others] = [deviceIds.length, collectionIds.length + rules.length];
  return <span data-targets={devices}>{t("provisioning.targetCount", { devices, others })}</span>;
}
