/**
 * Starts a sync otherwise than "now" does: what it is to do, of which types, and whether it waits for a person. Each mode
 * says what it does before it is sent, and one that makes no sense now why it does not.
 */
import { useState } from "react";
import type { CallInput } from "../../clients/api.ts";
import { useRead } from "../api/read.ts";
import type { Sending } from "../api/send.ts";
import { Ticks } from "../page/filters.tsx";
import { Quiet } from "../page/job/listed.tsx";
import { Note } from "../page/look/note.tsx";
import { Shown } from "../page/page.tsx";
import { CheckField, RadioField, useHeld } from "../page/values/fields.tsx";
import { AskWindow } from "../page/window.tsx";
import { type Sync, useText } from "./text.ts";

/** What a sync is asked for, but for whom. */
type Asked = Omit<CallInput<"POST /api/v1/tenants/{tenantId}/syncs">["body"], "items">;
type Mode = NonNullable<Asked["mode"]>;
const modes = ["planAndDeploy", "plan", "exportOnly", "retryFailed"] as const;

/** Whether a sync has left something that another one could try again. */
const hasLeft = ({ deployed, mode, outcome }: Sync): boolean =>
  (deployed !== undefined && deployed.failed + deployed.skipped > 0) ||
  (mode === "retryFailed" && outcome !== "succeeded");

/** How one tenant stands; nothing is asked where there are several. */
function useStanding(tenantId: string, enabled: boolean) {
  const { body: status } = useRead(
    "GET /api/v1/tenants/{tenantId}/sync-status",
    { params: { tenantId } },
    { enabled },
  );
  const { lastSyncId: syncId = "" } = status ?? {};
  const { body: last } = useRead(
    "GET /api/v1/tenants/{tenantId}/syncs/{syncId}",
    { params: { tenantId, syncId } },
    { enabled: enabled && syncId !== "" },
  );
  return {
    status,
    isBusy:
      status !== undefined && !status.may.some((each) => ["start", "supersede"].includes(each)),
    hasNothingToRetry:
      status !== undefined && (syncId === "" || (last !== undefined && !hasLeft(last))),
  };
}

/** The window. Of several tenants, the first says which types there are: an installation has the same for all. */
export function StartWindow<Given>(props: {
  tenants: readonly { readonly tenantId: string; readonly displayName: string }[];
  sending: Pick<Sending<never>, "isSending" | "problem">;
  onDo: (asked: Asked) => Promise<Given | undefined>;
  onDone: (given: Given) => void;
  onClose: () => void;
}) {
  const { tenants, onDo, ...rest } = props;
  const t = useText();
  const { tenantId = "" } = tenants[0] ?? {};
  const standing = useStanding(tenantId, tenants.length === 1);
  const [mode, setMode] = useState<Mode>("planAndDeploy");
  const [types, setTypes] = useState<readonly string[] | undefined>(undefined);
  const goesOn = useHeld(false);
  // A retry has the types of what it tries again.
  const chosen = mode === "retryFailed" ? undefined : types;
  const { isBusy, status } = standing;
  const notes = [
    isBusy && "busy",
    status?.may.includes("supersede") && "supersedes",
    status?.status === "notRun" && "first",
  ] as const;
  return (
    <AskWindow
      {...rest}
      wide
      title={t("sync.startOtherwise")}
      verb={t("sync.startDo", { count: tenants.length })}
      isReady={!isBusy && chosen?.length !== 0}
      onDo={() =>
        onDo({
          mode,
          ...(chosen && { types: [...chosen] }),
          ...(goesOn.value && { onMissingUser: "continueWithoutUser" as const }),
        })
      }
    >
      <div>{tenants.map(({ displayName }) => displayName).join(", ")}</div>
      {notes.map(
        (note) =>
          note && (
            <Note key={note} intent="warning">
              {t(`sync.start.${note}`)}
            </Note>
          ),
      )}
      <Modes
        mode={mode}
        whyNoRetry={standing.hasNothingToRetry ? t("sync.start.nothingToRetry") : undefined}
        onChange={setMode}
      />
      {mode !== "retryFailed" && <Types tenantId={tenantId} types={types} onChange={setTypes} />}
      <CheckField label={t("sync.goOnWithoutUser")} {...goesOn} />
    </AskWindow>
  );
}

/** What it is to do, each with what that means. */
function Modes(props: {
  mode: Mode;
  whyNoRetry: string | undefined;
  onChange: (mode: Mode) => void;
}) {
  const { mode, whyNoRetry, onChange } = props;
  const t = useText();
  return (
    <RadioField
      label={t("sync.start.what")}
      value={mode}
      values={modes.map((each) => {
        const why = each === "retryFailed" ? whyNoRetry : undefined;
        const label = (
          <>
            {t.named("syncModes", each)}
            <Quiet>{why ?? t(`sync.start.${each}`)}</Quiet>
          </>
        );
        return [each, label, why !== undefined] as const;
      })}
      onChange={onChange}
    />
  );
}

/** All types that are switched on, or some. */
function Types(props: {
  tenantId: string;
  types: readonly string[] | undefined;
  onChange: (types: readonly string[] | undefined) => void;
}) {
  const { tenantId, types, onChange } = props;
  const t = useText();
  const reading = useRead("GET /api/v1/tenants/{tenantId}/configuration", { params: { tenantId } });
  return (
    <div>
      <CheckField
        label={t("sync.onlyTypes")}
        value={types !== undefined}
        onChange={(isChecked) => onChange(isChecked ? [] : undefined)}
      />
      {types !== undefined && (
        <Shown reading={reading}>
          {({ value }) => (
            <Ticks
              label={t("sync.onlyTypes")}
              known={value.map((each) => [each.type, t.name(each.names)] as const)}
              value={types}
              onChange={onChange}
            />
          )}
        </Shown>
      )}
    </div>
  );
}
