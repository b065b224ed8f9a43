/** What a device went through in a run: every action of the template, with every attempt; and the restart from one of them. */
import { Badge, Button, MenuItem, MenuList, makeStyles, tokens } from "@fluentui/react-components";
import { useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { useMay } from "../../api/me.ts";
import { useRead } from "../../api/read.ts";
import { Quiet } from "../../page/job/listed.tsx";
import { Reason } from "../../page/job/reason.tsx";
import { Line } from "../../page/look/line.tsx";
import { Code, Go, PageFrame, Shown } from "../../page/page.tsx";
import { Rows } from "../../page/rows.tsx";
import { historyScreen, runScreen } from "../screens.ts";
import { type Text, useText } from "../text.ts";
import { OutputWindow } from "./output-window.tsx";
import { RestartWindow } from "./restart-window.tsx";
import { Progress, Waits } from "./run-devices.tsx";

const name = "GET /api/v1/tenants/{tenantId}/provisioning-runs/{runId}/devices/{deviceId}";
type Detail = BodyOf<typeof name>;
type Tried = Detail["attempts"][number];
type Action = Detail["actions"][number] & { readonly attempts: readonly Tried[] };

const useStyles = makeStyles({
  attempts: { listStyleType: "none", margin: 0, padding: 0 },
  line: { position: "relative", height: "12px", backgroundColor: tokens.colorNeutralBackground4 },
  bar: {
    position: "absolute",
    height: "100%",
    minWidth: "3px",
    borderRadius: tokens.borderRadiusSmall,
    backgroundColor: tokens.colorPaletteBlueBorderActive,
    forcedColorAdjust: "none",
  },
});

const colours: Partial<Record<Tried["result"], string>> = {
  succeeded: tokens.colorPaletteGreenBackground3,
  failed: tokens.colorPaletteRedBackground3,
  failedOptional: tokens.colorPaletteMarigoldBackground3,
  unknown: tokens.colorPaletteBerryBackground3,
};

export function Page() {
  const t = useText();
  const { tenantId, runId, deviceId } = historyScreen.useParams();
  const [{ output }, change] = historyScreen.useSearchState();
  const reading = useRead(
    name,
    { params: { tenantId, runId, deviceId } },
    { every: ({ bucket }) => (bucket === "active" || bucket === "pending" ? 5 : undefined) },
  );
  const { body: run } = useRead("GET /api/v1/tenants/{tenantId}/provisioning-runs/{runId}", {
    params: { tenantId, runId },
  });
  return (
    <PageFrame
      title={t("provisioning.historyOf", { name: reading.body?.deviceName ?? "" })}
      above={
        <Go to={runScreen.at({ tenantId, runId })}>
          {run?.template.name ?? t("provisioning.run")}
        </Go>
      }
    >
      <Shown reading={reading}>{(detail) => <Content detail={detail} />}</Shown>
      {output !== undefined && (
        <OutputWindow
          {...{ tenantId, deviceId }}
          of={output}
          name={reading.body?.deviceName ?? deviceId}
          onClose={() => change({ output: undefined }, true)}
        />
      )}
    </PageFrame>
  );
}

function Content({ detail }: { detail: Detail }) {
  const t = useText();
  const { bucket, verdict, code, waits } = detail;
  return (
    <>
      <Line gap="large" align="normal">
        <Badge appearance="outline" color="informative" data-bucket={bucket}>
          {verdict === undefined ? t.named("buckets", bucket) : t.named("verdicts", verdict.id)}
        </Badge>
        <div>
          <Progress device={detail} />
        </div>
        {waits !== undefined && (
          <span>
            <Waits waits={waits} />
          </span>
        )}
        {bucket === "failed" && code !== undefined && <span>{t.named("reasons", code)}</span>}
      </Line>
      <div>{t("provisioning.betweenActions")}</div>
      <Actions detail={detail} />
    </>
  );
}

/** Required, and neither done nor passed over with reason. */
const isUndone = ({ required, attempts }: Action): boolean =>
  required && !attempts.some(({ result }) => result === "succeeded" || result === "skipped");

/** When the first attempt began and the last one ended. */
function spanOf(attempts: readonly Tried[]): readonly [number, number] {
  const times = attempts.flatMap(({ startedAt, endedAt }) => [
    Date.parse(startedAt ?? endedAt),
    Date.parse(endedAt),
  ]);
  return [Math.min(...times), Math.max(...times)];
}

function Actions({ detail }: { detail: Detail }) {
  const t = useText();
  const { tenantId, runId } = historyScreen.useParams();
  const [from, setFrom] = useState<Action | undefined>(undefined);
  const { attempts, deviceId } = detail;
  const span = spanOf(attempts);
  const actions: Action[] = detail.actions.map((action) => ({
    ...action,
    attempts: attempts.filter(({ actionId }) => actionId === action.id),
  }));
  return (
    <>
      <Rows
        label={t("provisioning.actions")}
        columns={{
          [t("provisioning.section")]: ({ section }) => t.named("sections", section),
          [t("provisioning.action")]: (action) => (
            <>
              {action.name}
              <Quiet>
                {t(action.required ? "provisioning.required" : "provisioning.optional")}
              </Quiet>
            </>
          ),
          [t("provisioning.attempts")]: (action) => <Attempts action={action} at={detail} />,
          [t("provisioning.timeline")]: (action) => (
            <Timeline attempts={action.attempts} span={span} />
          ),
        }}
        widths="1fr 1.3fr 2.4fr 1fr"
        items={actions}
        idOf={({ id }) => id}
        nameOf={(action) => action.name}
        renderMenu={(action) => (
          <ActionMenu action={action} detail={detail} onRestart={() => setFrom(action)} />
        )}
      />
      {from && (
        <RestartWindow
          run={{ tenantId, runId }}
          restart={{ mode: "fromAction", actionId: from.id, deviceIds: [deviceId] }}
          title={t("provisioning.restartFrom")}
          undone={actions.slice(0, actions.indexOf(from)).filter(isUndone)}
          onClose={() => setFrom(undefined)}
        />
      )}
    </>
  );
}

/** Restarts the template from an action; where that cannot be, it says why. */
function ActionMenu(props: { action: Action; detail: Detail; onRestart: () => void }) {
  const { action, detail, onRestart } = props;
  const t = useText();
  const why = useWhyNot(action, detail, t);
  return (
    <MenuList>
      <MenuItem disabled={why !== undefined} subText={why ?? null} onClick={onRestart}>
        {t("provisioning.restartFrom")}
      </MenuItem>
    </MenuList>
  );
}

function useWhyNot({ section }: Action, { bucket }: Detail, t: Text): string | undefined {
  const may = useMay();
  const { tenantId } = historyScreen.useParams();
  const { body } = useRead("GET /api/v1/provisioning/action-types", {});
  const restartable = (body?.sections ?? []).filter((each) => each.restartable);
  if (!may("provisioning.run", tenantId)) return t("provisioning.mayNotRun");
  if (!restartable.some(({ id }) => id === section))
    return t("provisioning.notInSection", {
      sections: restartable.map((each) => t.name(each.name)).join(", "),
    });
  return bucket === "failed" || bucket === "notAttempted"
    ? undefined
    : t("provisioning.onlyFailed");
}

/** What was tried, each with its time and what came of it. */
function Attempts({ action, at }: { action: Action; at: Detail }) {
  const t = useText();
  const styles = useStyles();
  const change = historyScreen.useChangeSearch();
  const { attempts, id } = action;
  const isCurrent = at.current?.id === id && at.bucket === "active";
  if (attempts.length === 0)
    return isCurrent ? t("provisioning.underWay") : t("provisioning.notYet");
  return (
    <ul className={styles.attempts}>
      {attempts.map((each) => (
        <li key={`${each.runId} ${each.attempt} ${each.endedAt}`} data-result={each.result}>
          <Attempt of={each} />
          {each.output !== undefined && (
            <div>
              <Code of={each.output} />
            </div>
          )}
          {each.outputId !== undefined && (
            <Button
              size="small"
              onClick={() => change({ output: `${each.runId} ${each.outputId}` })}
            >
              {t("provisioning.wholeOutput")}
            </Button>
          )}
        </li>
      ))}
      {isCurrent && <li>{t("provisioning.underWay")}</li>}
    </ul>
  );
}

function Attempt({ of }: { of: Tried }) {
  const t = useText();
  const { result, attempt, startedAt, endedAt, inherited, code, detail } = of;
  const begun = startedAt ?? endedAt;
  return (
    <>
      <strong>{t(`provisioning.result.${result}`)}</strong>{" "}
      {t("provisioning.attempt", {
        number: attempt,
        at: t.dateTime(begun),
        took: t.clock((Date.parse(endedAt) - Date.parse(begun)) / 1000),
      })}
      {inherited && ` ${t("provisioning.inherited")}`}
      <Quiet>
        <Reason code={code} detail={detail} />
      </Quiet>
    </>
  );
}

/** The attempts as bars on the time of the run; the times stand beside it in words. */
function Timeline(props: { attempts: readonly Tried[]; span: readonly [number, number] }) {
  const { attempts, span } = props;
  const styles = useStyles();
  const [first, last] = span;
  const length = Math.max(1, last - first);
  return (
    <div className={styles.line} aria-hidden>
      {attempts.map(({ startedAt, endedAt, attempt, runId, result }) => {
        const begin = Date.parse(startedAt ?? endedAt) - first;
        const end = Date.parse(endedAt) - first;
        return (
          <div
            key={`${runId} ${attempt} ${endedAt}`}
            className={styles.bar}
            style={{
              left: `${(begin / length) * 100}%`,
              width: `${((end - begin) / length) * 100}%`,
              backgroundColor: colours[result],
            }}
          />
        );
      })}
    </div>
  );
}
