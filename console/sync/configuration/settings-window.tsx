/** How a tenant is synchronised: which types, what may be deleted, whom no policy may lock out, for how long a plan waits, and its nights. */
import { useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { useRead } from "../../api/read.ts";
import { Ticks } from "../../page/filters.tsx";
import { CallWindow } from "../../page/job/call.tsx";
import {
  CheckField,
  fieldsOf,
  NumberField,
  SelectField,
  TextField,
} from "../../page/values/fields.tsx";
import { useText } from "../text.ts";
import type { Type } from "./configuration-page.tsx";

const path = "GET /api/v1/tenants/{tenantId}/sync-status";
type Settings = BodyOf<typeof path>["settings"];
const modes = ["exportOnly", "plan", "planAndDeploy"] as const;

type Props = {
  tenantId: string;
  types: readonly Type[];
  onClose: () => void;
};

export function SettingsWindow(props: Props) {
  const { body } = useRead(path, { params: { tenantId: props.tenantId } });
  return body && <Edited {...props} now={body.settings} />;
}

function Edited({ tenantId, types, now, onClose }: Props & { now: Settings }) {
  const t = useText();
  const [settings, setSettings] = useState(now);
  const put = (changed: Partial<Settings>) => setSettings({ ...settings, ...changed });
  const of = fieldsOf(settings, setSettings);
  const { breakGlassGroups, onMissingUser } = settings;
  const named = (some: readonly Type[]) =>
    some.map(({ type, names }) => [type, t.name(names)] as const);
  const body = {
    ...settings,
    // No types chosen: those that are enabled by default.
    types: settings.types?.length ? settings.types : null,
    breakGlassGroups: breakGlassGroups.map((each) => each.trim()).filter(Boolean),
  };
  return (
    <CallWindow
      wide
      title={t("sync.settings")}
      verb={t("sync.save")}
      call="PATCH /api/v1/tenants/{tenantId}/sync-status/settings"
      given={{ params: { tenantId }, body }}
      said={() => t("sync.saved")}
      onClose={onClose}
    >
      <Night {...of("nightly")} />
      <NumberField label={t("sync.approvalDays")} min={1} max={90} {...of("approvalDays")} />
      <CheckField
        label={t("sync.goOnWithoutUser")}
        value={onMissingUser === "continueWithoutUser"}
        onChange={(isChecked) => put({ onMissingUser: isChecked ? "continueWithoutUser" : "wait" })}
      />
      <TextField
        label={t("sync.breakGlass")}
        hint={t("sync.breakGlassWhat")}
        value={breakGlassGroups.join("\n")}
        isLong
        onChange={(value) => put({ breakGlassGroups: value.split("\n") })}
      />
      <h3>{t("sync.deletes")}</h3>
      <Ticks
        label={t("sync.deletes")}
        known={named(types.filter((each) => each.isWritten && !("delete" in each.changeable)))}
        {...of("deletes")}
      />
      <h3>{t("sync.ownTypes")}</h3>
      <Ticks
        label={t("sync.ownTypes")}
        known={named(types)}
        value={settings.types ?? []}
        onChange={of("types").onChange}
      />
    </CallWindow>
  );
}

type Nightly = Settings["nightly"];

function Night(props: { value: Nightly; onChange: (nightly: Nightly) => void }) {
  const t = useText();
  const of = fieldsOf(props.value, props.onChange);
  return (
    <>
      <CheckField label={t("sync.nightly")} {...of("enabled")} />
      <TextField label={t("sync.nightlyAt")} type="time" {...of("at")} />
      <TextField label={t("sync.timeZone")} {...of("timeZone")} />
      <SelectField
        label={t("sync.nightlyMode")}
        values={modes.map((each) => [each, t.named("syncModes", each)] as const)}
        {...of("mode")}
      />
    </>
  );
}
