/** Scheduled tasks in their four folders, one of them open beside the list. Devices are dragged onto a task, or added by its picker. */
import { MenuDivider, MenuItem, MenuList, makeStyles, tokens } from "@fluentui/react-components";
import { CalendarClockRegular } from "@fluentui/react-icons";
import { useMay } from "../../api/me.ts";
import { useReadList } from "../../api/read.ts";
import { Choose, Filters } from "../../page/filters.tsx";
import { Listed, personOf } from "../../page/job/listed.tsx";
import { Tabs } from "../../page/look/tabs.tsx";
import { Empty, Go, PageFrame } from "../../page/page.tsx";
import { taskFolders, taskListScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { Refused, useAddTargets } from "./add-targets.tsx";
import { type Task, useRights } from "./task.ts";
import { Badges, TaskPanel } from "./task-panel.tsx";
import { useWhen } from "./when.ts";

const useStyles = makeStyles({
  both: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 3fr) minmax(0, 2fr)",
    gap: tokens.spacingHorizontalXL,
    alignItems: "start",
    // What is open comes first where there is no room beside the list.
    "@media (max-width: 1100px)": {
      gridTemplateColumns: "minmax(0, 1fr)",
      "& > :last-child": { gridRow: 1 },
    },
  },
});

export function Page() {
  const t = useText();
  const styles = useStyles();
  const may = useMay();
  const { tenantId } = taskListScreen.useParams();
  const { folder = "all", task: taskId } = taskListScreen.useSearch();
  const change = taskListScreen.useChangeSearch();
  // Everybody's tasks are for administrators; to others the folder is not there.
  const seen = taskFolders.filter((each) => each !== "users" || may("tasks.administer", tenantId));
  return (
    <PageFrame title={t("provisioning.tasks")} lead={t("provisioning.tasksLead")}>
      <Tabs
        value={folder}
        values={seen.map((each) => [each, t.named("taskFolders", each)])}
        onChange={(value) => change({ folder: value, owner: undefined })}
      />
      <div className={taskId === undefined ? undefined : styles.both}>
        <div>
          {folder === "users" && <Owners tenantId={tenantId} />}
          <List tenantId={tenantId} folder={folder} openId={taskId} />
        </div>
        {taskId !== undefined && (
          <div>
            <TaskPanel key={taskId} tenantId={tenantId} taskId={taskId} />
          </div>
        )}
      </div>
    </PageFrame>
  );
}

function List(props: {
  tenantId: string;
  folder: (typeof taskFolders)[number];
  openId: string | undefined;
}) {
  const { tenantId, folder, openId } = props;
  const t = useText();
  const when = useWhen();
  const search = taskListScreen.useSearch();
  const whose = folder === "users" ? search.owner : undefined;
  const at = (task: string) =>
    taskListScreen.at(
      { tenantId },
      { ...(search.folder && { folder }), ...(whose && { owner: whose }), task },
    );
  const { drop, refusal } = useAddTargets(tenantId);
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/tasks",
    { params: { tenantId }, query: { folder, top: 100, ...(whose && { owner: whose }) } },
    { everySeconds: 15 },
  );
  return (
    <>
      <Refused of={refusal} />
      <Listed
        reading={reading}
        label={t("provisioning.tasks")}
        idOf={({ taskId }) => taskId}
        nameOf={({ displayName }) => displayName}
        columns={{
          [t("provisioning.name")]: ({ taskId, displayName }) => (
            <Go to={at(taskId)}>{displayName}</Go>
          ),
          [t("provisioning.state")]: (task) => <Badges task={task} />,
          [t("provisioning.schedule")]: ({ schedule, next }) =>
            next !== undefined
              ? t.dateTime(next.at)
              : schedule["kind"] === "none"
                ? ""
                : when(schedule),
          [t("provisioning.owner")]: ({ owner }) => personOf(owner),
        }}
        widths="1.5fr 1.2fr 1fr 1fr"
        openId={openId}
        onDrop={drop}
        renderMenu={(task) => <TaskMenu task={task} />}
        empty={
          <Empty
            icon={<CalendarClockRegular />}
            title={t("provisioning.noTask", { folder: t.named("taskFolders", folder) })}
          >
            {t("provisioning.noTaskWhy")}
          </Empty>
        }
      />
    </>
  );
}

/** Whose tasks are shown: one of those who have any, as far as their first page knows. */
function Owners({ tenantId }: { tenantId: string }) {
  const t = useText();
  const filter = taskListScreen.useFilters(["owner"]);
  const { body = [] } = useReadList("GET /api/v1/tenants/{tenantId}/tasks", {
    params: { tenantId },
    query: { folder: "users", top: 100 },
  });
  const owners = new Map(body.map((task) => [task.owner.id, personOf(task.owner)]));
  return (
    <Filters {...filter.all}>
      <Choose label={t("provisioning.owner")} {...filter.of("owner")} values={[...owners]} />
    </Filters>
  );
}

/** What is done with a task: by right click, Shift+F10 and its button. */
function TaskMenu({ task }: { task: Task }) {
  const t = useText();
  const change = taskListScreen.useChangeSearch();
  const { mayChange, maySchedule } = useRights(task.tenantId)(task);
  const open = (window?: "properties" | "targets" | "remove") =>
    change({ task: task.taskId, window });
  return (
    <MenuList>
      <MenuItem onClick={() => open()}>{t("provisioning.open")}</MenuItem>
      <MenuItem
        disabled={!mayChange || task.kind !== "provisioning"}
        onClick={() => open("targets")}
      >
        {t("provisioning.addTo")}
      </MenuItem>
      <MenuItem disabled={!maySchedule} onClick={() => open("properties")}>
        {t("provisioning.properties")}
      </MenuItem>
      <MenuDivider />
      <MenuItem disabled={!mayChange} onClick={() => open("remove")}>
        {t("provisioning.remove")}
      </MenuItem>
    </MenuList>
  );
}
