/**
 * Confirms what a plan blocks until somebody does: many deletions of a type, and policies that may lock everybody out. It
 * holds for the changes that are shown, and deploys nothing: the sync plans again, and that plan waits for approval.
 */
import { useState } from "react";
import { useRead } from "../../api/read.ts";
import { CallWindow } from "../../page/job/call.tsx";
import { Note } from "../../page/look/note.tsx";
import { Shown } from "../../page/page.tsx";
import { CheckField, TextField, useHeld } from "../../page/values/fields.tsx";
import { type SyncIds, useText } from "../text.ts";
import type { Plan } from "./verdict-window.tsx";

type Blocked = Plan["blocked"][number];

/** What of a plan somebody may confirm: deletions by type, and what may lock everybody out. */
function confirmableOf({ blocked }: Pick<Plan, "blocked">) {
  const of = (what: string) => blocked.filter(({ confirm }) => confirm?.what === what);
  return { deletes: Map.groupBy(of("deletes"), ({ type }) => type), lockOut: of("lockOut") };
}

/** The window. What was ticked is of the plan that was shown: with another one nothing is. */
export function ConfirmWindow(props: { ids: SyncIds; onClose: () => void; onDone: () => void }) {
  const { ids, onClose, onDone } = props;
  const t = useText();
  const plan = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/plan", { params: ids });
  const [ticked, setTicked] = useState<readonly string[]>([]);
  const reason = useHeld("");
  const idOf = (what: string) => `${plan.body?.planHash} ${what}`;
  const { deletes, lockOut } = confirmableOf(plan.body ?? { blocked: [] });
  const types = [...deletes].filter(([type]) => ticked.includes(idOf(`deletes ${type}`)));
  const isLockOut = ticked.includes(idOf("lockOut"));
  const tick = (what: string, label: string, items: readonly Blocked[]) => (
    <Tick
      key={what}
      label={label}
      items={items}
      isTicked={ticked.includes(idOf(what))}
      onChange={(isTicked) =>
        setTicked([...ticked.filter((id) => id !== idOf(what)), ...(isTicked ? [idOf(what)] : [])])
      }
    />
  );
  const counts = Object.fromEntries(types.map(([type, items]) => [type, items.length]));
  const body = {
    planHash: plan.body?.planHash ?? "",
    reason: reason.value.trim(),
    ...(isLockOut && { lockOut: true as const }),
    ...(types[0] && { deletes: counts }),
  };
  return (
    <CallWindow
      title={t("sync.confirm")}
      verb={t("sync.confirmDo")}
      call="POST /api/v1/tenants/{tenantId}/syncs/{syncId}/confirm"
      given={{ params: ids, body }}
      isReady={reason.value.trim() !== "" && (isLockOut || types.length > 0)}
      said={() => t("sync.confirmed")}
      onDone={onDone}
      onClose={onClose}
    >
      <Note intent="warning">{t("sync.confirmWhat")}</Note>
      <Shown reading={plan}>
        {() => (
          <>
            {[...deletes].map(([type, items]) =>
              tick(
                `deletes ${type}`,
                t("sync.confirmDeletes", { count: items.length, type }),
                items,
              ),
            )}
            {lockOut.length > 0 &&
              tick("lockOut", t("sync.confirmLockOut", { count: lockOut.length }), lockOut)}
          </>
        )}
      </Shown>
      <TextField label={t("sync.reason")} required {...reason} maxLength={1000} isLong />
    </CallWindow>
  );
}

/** What is confirmed as one, with the items that it is about. */
function Tick(props: {
  label: string;
  items: readonly Blocked[];
  isTicked: boolean;
  onChange: (isTicked: boolean) => void;
}) {
  const { label, items, isTicked, onChange } = props;
  const t = useText();
  return (
    <div>
      <CheckField label={label} value={isTicked} onChange={onChange} />
      <ul>
        {items.map(({ key, name, detail }) => (
          <li key={key}>{`${name}: ${t.said(detail)}`}</li>
        ))}
      </ul>
    </div>
  );
}
