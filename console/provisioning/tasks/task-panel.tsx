/** The task that is open: what it waits for, whom it is for, when it runs, and what became of its times. */
import {
  Badge,
  Button,
  Link,
  makeStyles,
  Subtitle1,
  Subtitle2,
  Toolbar,
  tokens,
} from "@fluentui/react-components";
import { AddRegular, DeleteRegular, DismissRegular, SettingsRegular } from "@fluentui/react-icons";
import type { ItemOf } from "../../../clients/api.ts";
import { useMay } from "../../api/me.ts";
import { useRead, useReadList } from "../../api/read.ts";
import { CallWindow } from "../../page/job/call.tsx";
import { List } from "../../page/look/line.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Facts, Go, Shown } from "../../page/page.tsx";
import { sentenceOf } from "../runs/run-words.tsx";
import { runScreen, taskListScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { PropertiesWindow } from "./properties-window.tsx";
import { NetworkView, TargetList } from "./targets.tsx";
import { choiceOf, type Task, useRights, useTask } from "./task.ts";
import { useWhen } from "./when.ts";

const runs = "GET /api/v1/tenants/{tenantId}/tasks/{taskId}/runs";
type TaskRun = ItemOf<typeof runs>;

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalM,
    padding: tokens.spacingHorizontalM,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    overflowWrap: "anywhere",
  },
  head: { display: "flex", alignItems: "flex-start", gap: tokens.spacingHorizontalS },
  title: { flexGrow: 1, margin: 0 },
  badges: {
    display: "inline-flex",
    flexWrap: "wrap",
    gap: tokens.spacingHorizontalXS,
    "& > *": { whiteSpace: "nowrap", flexShrink: 0 },
  },
  bar: { flexWrap: "wrap", padding: 0 },
});

/** What a task waits for; else where it stands. */
export function Badges({ task }: { task: Task }) {
  const t = useText();
  const { waitsFor, stateNames, state } = task;
  return (
    <span className={useStyles().badges} data-state={state}>
      {waitsFor.includes("target") && (
        <Badge appearance="tint" color="warning">
          {t("provisioning.noTargets")}
        </Badge>
      )}
      {waitsFor.includes("schedule") && (
        <Badge appearance="tint" color="warning">
          {t("provisioning.notScheduled")}
        </Badge>
      )}
      {waitsFor.length === 0 && (
        <Badge appearance="tint" color={state === "scheduled" ? "brand" : "informative"}>
          {t.name(stateNames)}
        </Badge>
      )}
      {task.public && <Badge appearance="outline">{t("provisioning.public")}</Badge>}
    </span>
  );
}

export function TaskPanel({ tenantId, taskId }: Pick<Task, "tenantId" | "taskId">) {
  const t = useText();
  const reading = useTask(tenantId, taskId);
  const [{ window: open }, change] = taskListScreen.useSearchState();
  const close = () => change({ window: undefined }, true);
  return (
    <Shown reading={reading}>
      {(task) => (
        <>
          <Content task={task} etag={reading.etag} isAdding={open === "targets"} />
          {open === "properties" && (
            <PropertiesWindow task={task} etag={reading.etag} onClose={close} />
          )}
          {open === "remove" && (
            <CallWindow
              title={t("provisioning.removeTitle", { name: task.displayName })}
              verb={t("provisioning.removeYes")}
              call="DELETE /api/v1/tenants/{tenantId}/tasks/{taskId}"
              given={{ params: { tenantId, taskId } }}
              onDone={() => change({ task: undefined, window: undefined })}
              onClose={close}
            >
              {t("provisioning.removeWhat")}
            </CallWindow>
          )}
        </>
      )}
    </Shown>
  );
}

function Content(props: { task: Task; etag: string | undefined; isAdding: boolean }) {
  const { task, etag, isAdding } = props;
  const { tenantId, displayName, kind, waitsFor } = task;
  const t = useText();
  const styles = useStyles();
  const change = taskListScreen.useChangeSearch();
  const { mayChange } = useRights(tenantId)(task);
  return (
    <section className={styles.root} aria-label={displayName} data-task={task.taskId}>
      <div className={styles.head}>
        <Subtitle1 as="h2" className={styles.title}>
          {displayName}
        </Subtitle1>
        <Button
          appearance="subtle"
          icon={<DismissRegular />}
          aria-label={t("shared.close")}
          onClick={() => change({ task: undefined, window: undefined })}
        />
      </div>
      <Badges task={task} />
      {waitsFor.length > 0 && !isAdding && <div>{t("provisioning.staysInList")}</div>}
      <Commands task={task} isAdding={isAdding} />
      {!isAdding && <Known task={task} />}
      {kind === "provisioning" && <TargetList task={task} etag={etag} mayChange={mayChange} />}
      {isAdding && kind === "provisioning" && <NetworkView task={task} />}
      {!isAdding && <Times task={task} />}
    </section>
  );
}

function Commands({ task, isAdding }: { task: Task; isAdding: boolean }) {
  const t = useText();
  const { tenantId, kind, displayName } = task;
  const change = taskListScreen.useChangeSearch();
  const { mayChange, maySchedule } = useRights(tenantId)(task);
  const takes = { permission: "tasks.manage" } as const;
  const open = (window: "properties" | "remove") => () => change({ window });
  const whyNot = mayChange ? undefined : t("provisioning.notYours");
  return (
    <Toolbar aria-label={displayName} className={useStyles().bar}>
      <MayButton
        {...takes}
        icon={<AddRegular />}
        why={kind === "provisioning" ? whyNot : t("provisioning.otherKind")}
        onClick={() => change({ window: isAdding ? undefined : "targets" })}
      >
        {t("provisioning.addTo")}
      </MayButton>
      <MayButton
        {...takes}
        icon={<SettingsRegular />}
        why={maySchedule ? undefined : whyNot}
        onClick={open("properties")}
      >
        {t("provisioning.properties")}
      </MayButton>
      <MayButton {...takes} icon={<DeleteRegular />} why={whyNot} onClick={open("remove")}>
        {t("provisioning.remove")}
      </MayButton>
    </Toolbar>
  );
}

function Known({ task }: { task: Task }) {
  const t = useText();
  const when = useWhen();
  const { owner, schedule, next, windows, provisioning } = task;
  return (
    <Facts
      of={{
        [t("provisioning.owner")]: owner.name ?? owner.id,
        [t("provisioning.schedule")]: when(schedule),
        [t("provisioning.next")]:
          next && `${t.dateTime(next.at)} ${next.moved ? t("provisioning.moved") : ""}`,
        [t("provisioning.windows")]:
          windows.length > 0 && t("provisioning.windowCount", { count: windows.length }),
        [t("provisioning.version")]: provisioning && String(provisioning["version"]),
        [t("provisioning.only")]: provisioning && t(`provisioning.only.${choiceOf(task)}`),
      }}
    />
  );
}

/** What became of its times. */
function Times({ task }: { task: Task }) {
  const t = useText();
  const { tenantId, taskId } = task;
  const reading = useReadList(
    runs,
    { params: { tenantId, taskId }, query: { top: 20 } },
    { everySeconds: 10 },
  );
  return (
    <section aria-label={t("provisioning.runs")}>
      <Subtitle2 as="h3">{t("provisioning.runs")}</Subtitle2>
      <Shown reading={reading}>
        {(times) =>
          times.length === 0 ? (
            <p>{t("provisioning.noRun")}</p>
          ) : (
            <>
              <List>
                {times.map((run) => (
                  <Time key={run.runId} task={task} run={run} />
                ))}
              </List>
              {reading.hasMore && (
                <Link as="button" onClick={reading.readMore}>
                  {t("provisioning.older")}
                </Link>
              )}
            </>
          )
        }
      </Shown>
    </section>
  );
}

function Time({ task, run }: { task: Task; run: TaskRun }) {
  const t = useText();
  const { runId, occurrence, outcome, code, reason } = run;
  const at = t.dateTime(occurrence.at);
  const mayRead = useMay()("provisioning.read", task.tenantId);
  const isRun = mayRead && task.kind === "provisioning" && outcome === "started";
  return (
    <li data-outcome={outcome}>
      {isRun ? <Go to={runScreen.at({ tenantId: task.tenantId, runId })}>{at}</Go> : at}{" "}
      {isRun ? (
        <Verdict tenantId={task.tenantId} runId={runId} />
      ) : (
        t(`provisioning.outcome.${outcome}`)
      )}
      {code !== undefined && ` ${reason === undefined ? t.named("reasons", code) : t.said(reason)}`}
    </li>
  );
}

/** Success or failure of what a time began, as far as it is known. */
function Verdict({ tenantId, runId }: { tenantId: string; runId: string }) {
  const t = useText();
  const { body } = useRead("GET /api/v1/tenants/{tenantId}/provisioning-runs/{runId}", {
    params: { tenantId, runId },
  });
  if (body === undefined) return null;
  const verdict = body.latest?.verdict ?? body.verdict;
  return (
    <span data-verdict={verdict?.id}>
      {verdict !== undefined && <strong>{t.name(verdict.name)}: </strong>}
      {sentenceOf(body.latest ? { ...body, buckets: body.latest.buckets } : body, t)}
    </span>
  );
}
