/** Properties of a task: when it runs and in which windows, what it is called and who sees it; and whose it is then. */
import { Button, makeStyles, Spinner, Subtitle2, tokens } from "@fluentui/react-components";
import { AddRegular, DeleteRegular } from "@fluentui/react-icons";
import { useMemo, useState } from "react";
import { useAsk, useSettled } from "../../api/ask.ts";
import { useSend } from "../../api/send.ts";
import { Line } from "../../page/look/line.tsx";
import { Note } from "../../page/look/note.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import {
  CheckField,
  type FieldsOf,
  fieldsOf,
  NumberField,
  RadioField,
  SelectField,
  TextField,
} from "../../page/values/fields.tsx";
import { AskWindow } from "../../page/window.tsx";
import { type Text, useText } from "../text.ts";
import { RecurrenceFields, TimeField, ZoneField } from "./recurrence-fields.tsx";
import {
  bodyOf,
  type Choice,
  choiceOf,
  choices,
  type Recurring,
  type Schedule,
  type Task,
  useRights,
} from "./task.ts";
import { localIn, momentIn, ownZone } from "./when.ts";

const kinds = ["none", "now", "at", "everyMinutes", "recurring"] as const;
type OpenTime = { readonly opens: Recurring; readonly minutes: number };
/** What the fields say. */
type Draft = {
  readonly name: string;
  readonly isPublic: boolean;
  readonly only: Choice;
  readonly kind: (typeof kinds)[number];
  readonly at: string;
  readonly zone: string;
  readonly minutes: number;
  readonly recurring: Recurring;
  readonly windows: readonly OpenTime[];
  readonly longestMinutes: number;
};

const hourMs = 3_600_000;
const soon = (zone: string): string => localIn(zone, Date.now() + hourMs) ?? "";

const nightly = (): Recurring => {
  const timeZone = ownZone();
  const start = `${soon(timeZone).slice(0, 10)}T02:00`;
  return { kind: "recurring", rule: "FREQ=DAILY", start, timeZone };
};

/** What a task says. One that has run does not begin again by being saved: its time is asked for anew. */
function draftOf(task: Task): Draft {
  const schedule = task.schedule as Schedule;
  const zone = ownZone();
  const isOver = task.state === "done" && schedule.kind !== "recurring";
  const at = schedule.kind === "at" ? localIn(zone, Date.parse(schedule.at)) : undefined;
  return {
    name: task.displayName,
    isPublic: task.public,
    only: choiceOf(task),
    kind: isOver ? "none" : schedule.kind,
    at: at ?? soon(zone),
    zone,
    minutes: schedule.kind === "everyMinutes" ? schedule.minutes : 60,
    recurring: schedule.kind === "recurring" ? schedule : nightly(),
    windows: task.windows as unknown as OpenTime[],
    longestMinutes: task.longestRunSeconds / 60,
  };
}

/** When the fields say that it runs; undefined where they are not complete. */
function scheduleOf({ kind, at, zone, minutes, recurring }: Draft): Schedule | undefined {
  if (kind === "recurring") return recurring.start === "" ? undefined : recurring;
  const moment = momentIn(zone, at);
  if (kind === "at") return moment === undefined ? undefined : { kind, at: moment };
  if (kind !== "everyMinutes") return { kind };
  return Number.isInteger(minutes) && moment !== undefined
    ? { kind, minutes, from: moment }
    : undefined;
}

const useStyles = makeStyles({
  window: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalS,
    padding: tokens.spacingVerticalS,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
  },
  start: { alignSelf: "flex-start" },
});

/** Whose the task is after saving, where that is another person than now. */
function NewOwner({ task }: { task: Task }) {
  const t = useText();
  const { owner } = task;
  const words = { owner: owner.name ?? owner.id, isPublic: task.public ? "yes" : "no" };
  return (
    <Note intent="warning" data-new-owner>
      {t("provisioning.newOwner", words)}
    </Note>
  );
}

export function PropertiesWindow(props: {
  task: Task;
  etag: string | undefined;
  onClose: () => void;
}) {
  const { task, etag, onClose } = props;
  const { tenantId, taskId } = task;
  const t = useText();
  const [draft, setDraft] = useState(() => draftOf(task));
  const of = fieldsOf(draft, setDraft);
  const { isMine, mayChange } = useRights(tenantId)(task);
  const schedule = scheduleOf(draft);
  const replace = useSend("PUT /api/v1/tenants/{tenantId}/tasks/{taskId}");
  const give = useSend("POST /api/v1/tenants/{tenantId}/tasks/{taskId}/schedule");
  const save = async (): Promise<unknown> => {
    if (schedule === undefined) return undefined;
    const to = { params: { tenantId, taskId }, ...(etag !== undefined && { ifMatch: etag }) };
    return mayChange
      ? replace.send({ ...to, body: changedBy(task, draft, schedule) })
      : give.send({ ...to, body: { schedule } });
  };
  const isOpen = schedule === undefined || draft.name.trim() === "";
  return (
    <AskWindow
      wide
      asks={false}
      title={t("provisioning.properties")}
      verb={t("provisioning.save")}
      sending={mayChange ? replace : give}
      isReady={!isOpen}
      onDo={save}
      said={() => t("provisioning.saved", { name: draft.name })}
      onClose={onClose}
    >
      {!isMine && <NewOwner task={task} />}
      {mayChange && (
        <>
          <TextField label={t("provisioning.name")} required {...of("name")} maxLength={200} />
          <CheckField label={t("provisioning.showPublic")} {...of("isPublic")} />
        </>
      )}
      {mayChange && task.kind === "provisioning" && (
        <SelectField
          label={t("provisioning.only")}
          hint={t("provisioning.onlyWhat")}
          {...of("only")}
          values={choices.map((each) => [each, t(`provisioning.only.${each}`)] as const)}
        />
      )}
      <When kind={draft.kind} of={of} />
      {mayChange && <Windows windows={draft.windows} of={of} />}
      {schedule !== undefined && draft.kind !== "none" && (
        <NextTimes task={task} draft={draft} schedule={schedule} />
      )}
    </AskWindow>
  );
}

const changedBy = (task: Task, draft: Draft, schedule: Schedule) =>
  bodyOf(task, {
    displayName: draft.name,
    public: draft.isPublic,
    schedule,
    windows: draft.windows,
    longestRun: `PT${draft.longestMinutes}M`,
    ...(task.provisioning && { provisioning: { ...task.provisioning, only: draft.only } }),
  });

type Of = { readonly of: FieldsOf<Draft> };

function When({ kind, of }: Of & Pick<Draft, "kind">) {
  const t = useText();
  return (
    <>
      <RadioField
        label={t("provisioning.schedule")}
        {...of("kind")}
        values={kinds.map((each) => [each, t(`provisioning.kind.${each}`)])}
      />
      {(kind === "at" || kind === "everyMinutes") && (
        <Line align="normal">
          {kind === "everyMinutes" && (
            <NumberField label={t("provisioning.minutes")} {...of("minutes")} />
          )}
          <TimeField
            label={t(kind === "at" ? "provisioning.at" : "provisioning.from")}
            {...of("at")}
          />
          <ZoneField {...of("zone")} />
        </Line>
      )}
      {kind === "recurring" && (
        <RecurrenceFields label={t("provisioning.schedule")} {...of("recurring")} />
      )}
    </>
  );
}

/** Maintenance windows of the task itself. */
function Windows({ windows, of }: Of & Pick<Draft, "windows">) {
  const t = useText();
  const styles = useStyles();
  const { onChange } = of("windows");
  return (
    <section aria-label={t("provisioning.windows")}>
      <Subtitle2 as="h3">{t("provisioning.windows")}</Subtitle2>
      <p>{t(windows.length === 0 ? "provisioning.noWindows" : "provisioning.windowsWhat")}</p>
      {windows.map((window, at) => {
        const number = at + 1;
        const its = fieldsOf(window, (changed) => onChange(windows.with(at, changed)));
        return (
          // oxlint-disable-next-line react/no-array-index-key -- they have nothing else that stays theirs
          <div key={at} className={styles.window}>
            <RecurrenceFields label={t("provisioning.opens", { number })} {...its("opens")} />
            <Line align="normal">
              <NumberField label={t("provisioning.openMinutes")} {...its("minutes")} />
              <Button
                className={styles.start}
                icon={<DeleteRegular />}
                onClick={() => onChange(windows.toSpliced(at, 1))}
              >
                {t("provisioning.removeWindow", { number })}
              </Button>
            </Line>
          </div>
        );
      })}
      <Button
        icon={<AddRegular />}
        onClick={() => onChange([...windows, { opens: nightly(), minutes: 240 }])}
      >
        {t("provisioning.addWindow")}
      </Button>
      {windows.length > 0 && (
        <NumberField label={t("provisioning.longest")} {...of("longestMinutes")} />
      )}
    </section>
  );
}

/** What the API says of the fields: the next times, and for how many devices. */
function NextTimes({ task, draft, schedule }: { task: Task; draft: Draft; schedule: Schedule }) {
  const t = useText();
  const text = JSON.stringify(changedBy(task, draft, schedule));
  const settled = useSettled(text);
  const given = useMemo(
    () => ({
      params: { tenantId: task.tenantId },
      query: { top: 5, taskId: task.taskId },
      body: JSON.parse(settled) as ReturnType<typeof bodyOf>,
    }),
    [task.tenantId, task.taskId, settled],
  );
  const { body, problem, isAsking } = useAsk(
    "POST /api/v1/tenants/{tenantId}/tasks/preview",
    given,
  );
  if (problem !== undefined) return <ProblemView problem={problem} />;
  if (body === undefined || isAsking)
    return <Spinner size="tiny" label={t("provisioning.asking")} />;
  const { value, provisioning } = body;
  const total = provisioning?.["total"];
  return (
    <section aria-label={t("provisioning.nextTimes")} data-next-times={value.length}>
      <Subtitle2 as="h3">{t("provisioning.nextTimes")}</Subtitle2>
      <ul>
        {value.map((time) => (
          <NextTime key={time.at} time={time} t={t} />
        ))}
      </ul>
      {typeof total === "number" && t("provisioning.wouldReach", { count: total })}
    </section>
  );
}

type Time = {
  readonly at: string;
  readonly moved: boolean;
  readonly beginsAt?: string | undefined;
};

function NextTime({ time, t }: { time: Time; t: Text }) {
  const { at, moved, beginsAt } = time;
  return (
    <li>
      {t.dateTime(at)}
      {moved && ` ${t("provisioning.moved")}`}
      {beginsAt === undefined && ` ${t("provisioning.noWindowThen")}`}
      {beginsAt !== undefined &&
        beginsAt !== at &&
        ` ${t("provisioning.begins", { at: t.dateTime(beginsAt) })}`}
    </li>
  );
}
