/** Tasks that take devices, beside a list of devices: what is dragged onto one is added to it, and so is what is chosen, by its button. */
import { Button, Subtitle2 } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import { useReadList } from "../../api/read.ts";
import { Note } from "../../page/look/note.tsx";
import { Empty, Go, Shown } from "../../page/page.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { Rows } from "../../page/rows.tsx";
import { taskListScreen, templateListScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { targetsIn, useAddTargets } from "./add-targets.ts";
import { type Targets, type Task, targetsOf, useRights } from "./task.ts";
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
  const { add, isSending, words: refusal, problem } = useAddTargets(tenantId);
  const reading = useReadList("GET /api/v1/tenants/{tenantId}/tasks", {
    params: { tenantId },
    query: { folder: "all", top: 100 },
  });
  const drop = ({ taskId }: Task, text: string) => {
    const dropped = targetsIn(text);
    if (dropped !== undefined) void add(taskId, dropped);
  };
  const takes = (task: Task): boolean => task.kind === "provisioning" && rightsOf(task).mayChange;
  return (
    <section aria-label={t("provisioning.addTo")} data-task-drop>
      <Subtitle2 as="h2">{t("provisioning.addTo")}</Subtitle2>
      <p>
        {t("provisioning.dropWhat")} {words}
      </p>
      {refusal !== undefined && (
        <Note intent="error" role="alert">
          {refusal}
        </Note>
      )}
      {problem && <ProblemView problem={problem} />}
      <Shown reading={reading}>
        {(all) => {
          const tasks = all.filter(takes);
          return tasks.length === 0 ? (
            <Empty
              title={t("provisioning.noTaskTakes")}
              action={<Go to={templateListScreen.at()}>{t("provisioning.templates")}</Go>}
            />
          ) : (
            <Table
              tasks={tasks}
              onDrop={drop}
              onAdd={
                targets === undefined || isSending
                  ? undefined
                  : ({ taskId }) => void add(taskId, targets)
              }
            />
          );
        }}
      </Shown>
    </section>
  );
}

function Table(props: {
  tasks: readonly Task[];
  onDrop: (task: Task, text: string) => void;
  onAdd: ((task: Task) => void) | undefined;
}) {
  const { tasks, onDrop, onAdd } = props;
  const t = useText();
  return (
    <Rows
      label={t("provisioning.addTo")}
      columns={{
        [t("provisioning.name")]: ({ tenantId, taskId, displayName }) => (
          <Go to={taskListScreen.at({ tenantId }, { task: taskId })}>{displayName}</Go>
        ),
        [t("provisioning.state")]: (task) => <Badges task={task} />,
        [t("provisioning.targets")]: (task) => {
          const { deviceIds, collectionIds, rules } = targetsOf(task);
          return (
            <span data-targets={deviceIds.length}>
              {t("provisioning.targetCount", {
                devices: deviceIds.length,
                others: collectionIds.length + rules.length,
              })}
            </span>
          );
        },
        [t("provisioning.addTo")]: (task) => (
          <Button
            size="small"
            icon={<AddRegular />}
            disabledFocusable={onAdd === undefined}
            onClick={() => onAdd?.(task)}
          >
            {t("provisioning.addHere", { name: task.displayName })}
          </Button>
        ),
      }}
      items={tasks}
      idOf={({ taskId }) => taskId}
      nameOf={({ displayName }) => displayName}
      onDrop={onDrop}
    />
  );
}
