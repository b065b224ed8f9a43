/** Pending approval: what a sync would change in the tenant, old and new, before anything touches it. */
import { Badge, makeStyles, ToolbarButton, tokens } from "@fluentui/react-components";
import {
  ArrowUndoRegular,
  CheckmarkRegular,
  DismissRegular,
  ShieldCheckmarkRegular,
  TaskListSquareLtrRegular,
} from "@fluentui/react-icons";
import { useState } from "react";
import { useMay } from "../../api/me.ts";
import { useRead } from "../../api/read.ts";
import { Fold, FoldList } from "../../page/look/fold.tsx";
import { List } from "../../page/look/line.tsx";
import { Note } from "../../page/look/note.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Code, Empty, Go, PageFrame, Shown, useGo } from "../../page/page.tsx";
import { CheckField } from "../../page/values/fields.tsx";
import { planScreen, syncListScreen, syncScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { ConfirmWindow } from "./confirm-window.tsx";
import { ItemTitle, Properties } from "./properties.tsx";
import { HeldBar, ReleaseWindow } from "./release-window.tsx";
import { type Plan, VerdictWindow } from "./verdict-window.tsx";

type Change = Plan["changes"][number];

const useStyles = makeStyles({
  change: {
    display: "flex",
    alignItems: "flex-start",
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  panel: { flexGrow: 1, minWidth: 0 },
});

const colours = { create: "success", update: "informative", delete: "danger" } as const;
function Row(props: { change: Change; isChosen: boolean; onChoose: (isChosen: boolean) => void }) {
  const { change, isChosen, onChoose } = props;
  const t = useText();
  const styles = useStyles();
  return (
    <div className={styles.change}>
      <CheckField
        value={isChosen}
        aria-label={t("sync.choose", { name: change.name })}
        onChange={onChoose}
      />
      <FoldList className={styles.panel}>
        <Fold
          id="change"
          as="h2"
          title={
            <ItemTitle
              what={t(`sync.action.${change.action}`)}
              color={colours[change.action]}
              item={change}
            >
              {change.warnings.length > 0 && (
                <Badge appearance="tint" color="warning">
                  {t("sync.warnings", { count: change.warnings.length })}
                </Badge>
              )}
            </ItemTitle>
          }
        >
          {change.warnings.map(({ reason, detail }) => (
            <Note key={reason} intent="warning">
              {t.said(detail)}
            </Note>
          ))}
          <Properties change={change} />
        </Fold>
      </FoldList>
    </div>
  );
}

/** What is not done, and why; what of it somebody may confirm or release. */
function NotDone({ plan }: { plan: Plan }) {
  const t = useText();
  const change = planScreen.useChangeSearch();
  const isOpen = plan.blocked.some(({ confirm }) => confirm !== undefined);
  return (
    <>
      {plan.blocked.length > 0 && (
        <section>
          <h2>{t("sync.blocked", { count: plan.blocked.length })}</h2>
          {isOpen && (
            <MayButton
              appearance="secondary"
              icon={<ShieldCheckmarkRegular />}
              permission="sync.approve"
              onClick={() => change({ window: "confirm" }, true)}
            >
              {t("sync.confirm")}
            </MayButton>
          )}
          <List>
            {plan.blocked.map(({ type, key, name, detail }) => (
              <li key={`${type} ${key}`}>{`${name} (${type}): ${t.said(detail)}`}</li>
            ))}
          </List>
        </section>
      )}
      {plan.held.length > 0 && (
        <section>
          <h2>{t("sync.heldTitle")}</h2>
          <HeldBar count={plan.held.length} onRelease={() => change({ window: "release" }, true)} />
          <List>
            {plan.held.map(({ changeId, type, name }) => (
              <li key={changeId}>{`${name} (${type})`}</li>
            ))}
          </List>
        </section>
      )}
    </>
  );
}

/** The three verdicts. */
function Verdicts({ canApprove }: { canApprove: boolean }) {
  const t = useText();
  const change = planScreen.useChangeSearch();
  return (
    <>
      <ToolbarButton
        appearance="primary"
        icon={<CheckmarkRegular />}
        disabled={!canApprove}
        onClick={() => change({ window: "approve" }, true)}
      >
        {t("sync.approve")}
      </ToolbarButton>
      <ToolbarButton icon={<DismissRegular />} onClick={() => change({ window: "reject" }, true)}>
        {t("sync.reject")}
      </ToolbarButton>
      <ToolbarButton icon={<ArrowUndoRegular />} onClick={() => change({ window: "reset" }, true)}>
        {t("sync.reset")}
      </ToolbarButton>
    </>
  );
}

export function Page() {
  const t = useText();
  const ids = planScreen.useParams();
  const [{ window }, change] = planScreen.useSearchState();
  const go = useGo();
  const may = useMay()("sync.approve", ids.tenantId);
  const plan = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/plan", { params: ids });
  const tenant = useRead("GET /api/v1/tenants/{tenantId}", { params: { tenantId: ids.tenantId } });
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const changes = plan.body?.changes ?? [];
  const chosen = new Set(changes.map(({ changeId }) => changeId).filter((id) => !left.has(id)));
  const choose = (id: string, isChosen: boolean) => {
    const next = new Set(left);
    if (isChosen) next.delete(id);
    else next.add(id);
    setLeft(next);
  };
  const close = () => change({ window: undefined }, true);
  const leave = () => go(syncScreen.at(ids));
  const of = { chosen: t.number(chosen.size), all: t.number(changes.length) };
  return (
    <PageFrame
      title={t("sync.planOf", { name: tenant.body?.displayName ?? "" })}
      above={<Go to={syncListScreen.at(ids)}>{t("sync.title")}</Go>}
      bar={may && changes.length > 0 ? <Verdicts canApprove={chosen.size > 0} /> : undefined}
      barLabel={t("sync.verdictsLabel")}
    >
      <Shown reading={plan}>
        {(body) => (
          <>
            <Note intent="info" title={t("sync.untouched")}>
              {t("sync.untouchedWhy")}
            </Note>
            {body.secondPerson && (
              <Note intent="warning">
                {t("sync.secondPerson", { count: body.secondPerson.moreThan })}
              </Note>
            )}
            {body.changes.length === 0 ? (
              <Empty icon={<TaskListSquareLtrRegular />} title={t("sync.noChanges")} />
            ) : (
              <section aria-label={t("sync.changes")}>
                <div>{t("sync.chosenOf", of)}</div>
                {body.changes.map((each) => (
                  <Row
                    key={each.changeId}
                    change={each}
                    isChosen={chosen.has(each.changeId)}
                    onChoose={(isChosen) => choose(each.changeId, isChosen)}
                  />
                ))}
              </section>
            )}
            <NotDone plan={body} />
            <div>
              <Code of={t("sync.hash", { hash: body.planHash })} />
            </div>
          </>
        )}
      </Shown>
      {window === "confirm" && <ConfirmWindow ids={ids} onClose={close} onDone={leave} />}
      {window === "release" && (
        <ReleaseWindow
          tenantId={ids.tenantId}
          count={plan.body?.held.length ?? 0}
          onClose={close}
        />
      )}
      {window && window !== "confirm" && window !== "release" && (
        <VerdictWindow ids={ids} verdict={window} chosen={chosen} onClose={close} onDone={leave} />
      )}
    </PageFrame>
  );
}
