/**
 * A baseline, made of what is wanted of a tenant, all of it or some types, with parameters in the place of texts that
 * differ from tenant to tenant. What is there already gets its next version, which nobody has until it is published.
 */
import { useState } from "react";
import type { CallInput } from "../../../clients/api.ts";
import { useMay } from "../../api/me.ts";
import { useRead, useReadList } from "../../api/read.ts";
import { useSend } from "../../api/send.ts";
import { Ticks } from "../../page/filters.tsx";
import { useGo } from "../../page/page.tsx";
import { type FieldRow, FieldRows } from "../../page/values/field-rows.tsx";
import { fieldsOf, SelectField, TextField, useHeld } from "../../page/values/fields.tsx";
import { AskWindow } from "../../page/window.tsx";
import { MessageField } from "../message-field.tsx";
import { baselineScreen } from "../screens.ts";
import { useText } from "../text.ts";

type Body = CallInput<"POST /api/v1/baselines">["body"];
type Parameter = NonNullable<Body["parameters"]>[number];

/** What was typed of a parameter; a field that is empty says nothing. */
const parameterOf = ({ name = "", kind, replaces, default: usual, description }: FieldRow) =>
  ({
    name,
    kind: kind === "group" ? "group" : "text",
    ...(replaces && { replaces }),
    ...(usual && { default: usual }),
    ...(description && { description }),
  }) satisfies Parameter;

/** The window; `existing` gets what is made as its next version. */
export function BaselineEditor(props: {
  existing?: {
    readonly baselineId: string;
    readonly name: string;
    readonly description: string;
    readonly etag: string;
    readonly parameters: readonly Omit<Parameter, "replaces">[];
  };
  onClose: () => void;
}) {
  const { onClose } = props;
  const t = useText();
  const go = useGo();
  // Whatever is read meanwhile: what is saved was made of this version.
  const [existing] = useState(props.existing);
  const add = useSend("POST /api/v1/baselines");
  const replace = useSend("PUT /api/v1/baselines/{baselineId}");
  const name = useHeld(existing?.name ?? "");
  const description = useHeld(existing?.description ?? "");
  const message = useHeld("");
  const parameters = useHeld<readonly FieldRow[]>(
    () => existing?.parameters.map((each) => ({ ...each }) as FieldRow) ?? [],
  );
  const from = useHeld<From>({ tenantId: "", types: [] });
  const { tenantId, types } = from.value;
  const send = async () => {
    const body: Body = {
      name: name.value.trim(),
      description: description.value,
      message: message.value.trim(),
      parameters: parameters.value.map(parameterOf),
      from: { tenantId, ...(types.length > 0 && { types }) },
    };
    if (existing === undefined) return add.send({ body });
    const { baselineId, etag } = existing;
    return replace.send({ params: { baselineId }, body, ifMatch: etag });
  };
  return (
    <AskWindow
      wide
      title={t(existing ? "sync.newVersion" : "sync.newBaseline")}
      verb={t(existing ? "sync.save" : "sync.makeBaseline")}
      sending={existing ? replace : add}
      isReady={name.value.trim() !== "" && message.value.trim() !== "" && tenantId !== ""}
      onDo={send}
      onDone={({ body }) => {
        onClose();
        if (!existing) go(baselineScreen.at(body));
      }}
      onClose={onClose}
    >
      <TextField label={t("sync.column.name")} required {...name} maxLength={100} />
      <TextField label={t("sync.description")} {...description} maxLength={1000} isLong />
      <MessageField {...message} />
      <From {...from} />
      <ParameterRows {...parameters} problem={add.problem ?? replace.problem} />
    </AskWindow>
  );
}

type From = { readonly tenantId: string; readonly types: string[] };

/** Of which tenant, and which of its types. */
function From(props: { value: From; onChange: (from: From) => void }) {
  const t = useText();
  const may = useMay();
  const tenants = useReadList("GET /api/v1/tenants", { query: { top: 200 } });
  const { value, onChange } = props;
  const { tenantId } = value;
  const of = fieldsOf(value, onChange);
  const known = useRead(
    "GET /api/v1/tenants/{tenantId}/configuration",
    { params: { tenantId } },
    { enabled: tenantId !== "" && may("sync.read", tenantId) },
  );
  return (
    <>
      <SelectField
        label={t("sync.fromTenant")}
        hint={t("sync.fromTenantWhat")}
        required
        value={tenantId}
        none={t("sync.chooseTenant")}
        values={tenants.body?.map((each) => [each.tenantId, each.displayName] as const) ?? []}
        onChange={(id) => onChange({ tenantId: id, types: [] })}
      />
      <Ticks
        label={t("sync.onlyTypes")}
        known={(tenantId === "" ? [] : (known.body?.value ?? []))
          .filter(({ items }) => items > 0)
          .map(({ type, names, items }) => [type, `${t.name(names)} (${items})`] as const)}
        {...of("types")}
      />
    </>
  );
}

function ParameterRows(
  props: Pick<Parameters<typeof FieldRows>[0], "value" | "problem" | "onChange">,
) {
  const t = useText();
  return (
    <FieldRows
      {...props}
      label={t("sync.parameterRows")}
      at="/parameters"
      columns={[
        { name: "name", label: t("sync.column.name") },
        {
          name: "kind",
          label: t("sync.kind"),
          values: [
            ["text", t("sync.kind.text")],
            ["group", t("sync.kind.group")],
          ],
        },
        { name: "replaces", label: t("sync.replaces") },
        { name: "default", label: t("sync.default") },
        { name: "description", label: t("sync.description") },
      ]}
    />
  );
}
