/**
 * What one tenant has of a baseline of its own: values of parameters, overrides, items that it does without; what that
 * comes to beside what is wanted there now; and taking it off.
 */
import { Badge } from "@fluentui/react-components";
import { useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { useMay } from "../../api/me.ts";
import { useRead } from "../../api/read.ts";
import { useSend } from "../../api/send.ts";
import { Ticks } from "../../page/filters.tsx";
import { CallWindow } from "../../page/job/call.tsx";
import { Shown } from "../../page/page.tsx";
import { type FieldRow, FieldRows, textOfValue, valueOf } from "../../page/values/field-rows.tsx";
import { fieldsOf, SelectField, TextField, useHeld } from "../../page/values/fields.tsx";
import { AskWindow, Window } from "../../page/window.tsx";
import { useText } from "../text.ts";

const path = "/api/v1/baselines/{baselineId}/tenants/{tenantId}";
type Tailoring = BodyOf<`GET ${typeof path}`>;
type Version = BodyOf<"GET /api/v1/baselines/{baselineId}/versions/{version}">;
type Ids = { readonly baselineId: string; readonly tenantId: string };
type Closing = { readonly onClose: () => void };

/** An item's type and key as one text, and back. */
const nameOf = ({ type, key }: { readonly type: string; readonly key: string }) => `${type}/${key}`;
const itemOf = (name: string) => {
  const end = name.indexOf("/");
  return { type: name.slice(0, end), key: name.slice(end + 1) };
};

/** The window for a tenant that is on the baseline, or comes to be; without one it is chosen first. */
export function TailoringWindow(
  props: Closing & {
    baselineId: string;
    tenantId: string | undefined;
    version: number;
    tenants: ReadonlyMap<string, string>;
    onChoose: (tenantId: string) => void;
  },
) {
  const { baselineId, tenantId = "", version, tenants, onChoose, onClose } = props;
  const t = useText();
  const may = useMay();
  const params = { baselineId, tenantId };
  const own = useRead(`GET ${path}`, { params }, { enabled: tenantId !== "" });
  const newest = useRead("GET /api/v1/baselines/{baselineId}/versions/{version}", {
    params: { baselineId, version },
  });
  if (own.body && own.etag && newest.body && tenantId !== "")
    return (
      <Edited
        key={tenantId}
        ids={params}
        title={t("sync.tailoringOf", { name: tenants.get(tenantId) ?? tenantId })}
        read={{ tailoring: own.body, etag: own.etag, version: newest.body }}
        onClose={onClose}
      />
    );
  return (
    <Window title={t("sync.putOn")} onClose={onClose}>
      <SelectField
        label={t("sync.tenant")}
        value={tenantId}
        none={t("sync.chooseTenant")}
        values={[...tenants]
          .filter(([id]) => may("configuration.manage", id))
          .map(([id, name]) => [id, name] as const)}
        onChange={onChoose}
      />
      {tenantId !== "" && <Shown reading={own}>{() => null}</Shown>}
    </Window>
  );
}

function Edited(
  props: Closing & {
    ids: Ids;
    title: string;
    read: { tailoring: Tailoring; etag: string; version: Version };
  },
) {
  const { ids, title, onClose } = props;
  const t = useText();
  const sending = useSend(`PUT ${path}`);
  // Whatever is read meanwhile: what is saved was made of this version.
  const [{ tailoring, etag, version }] = useState(props.read);
  const { parameters, items } = version;
  const named = items.map((item) => [nameOf(item), `${item.key} (${item.type})`] as const);
  const values = useHeld<Readonly<Record<string, string>>>(tailoring.values);
  const leaveOut = useHeld(() => tailoring.leaveOut.map(nameOf));
  const overrides = useHeld<readonly FieldRow[]>(() =>
    tailoring.overrides.map(({ pointer, value, ...item }) => ({
      item: nameOf(item),
      pointer,
      value: textOfValue(value),
    })),
  );
  const send = async () =>
    sending.send({
      params: ids,
      ifMatch: etag,
      body: {
        values: Object.fromEntries(
          Object.entries(values.value).filter(([, value]) => value !== ""),
        ),
        overrides: overrides.value.map(({ item = "", pointer = "", value = "" }) => ({
          ...itemOf(item),
          pointer,
          value: valueOf(value),
        })),
        leaveOut: leaveOut.value.map(itemOf),
      },
    });
  return (
    <AskWindow
      wide
      title={title}
      verb={t("sync.save")}
      sending={sending}
      onDo={send}
      said={() => t("sync.saved")}
      onClose={onClose}
    >
      <p>{t("sync.tailoringWhat")}</p>
      {parameters.map((each) => (
        <Parameter
          key={each.name}
          of={each}
          {...fieldsOf(values.value, values.onChange)(each.name)}
        />
      ))}
      <FieldRows
        label={t("sync.overrides")}
        at="/overrides"
        problem={sending.problem}
        {...overrides}
        columns={[
          { name: "item", label: t("sync.column.what"), values: named },
          { name: "pointer", label: t("sync.property") },
          { name: "value", label: t("sync.value") },
        ]}
      />
      <section aria-label={t("sync.leaveOut")}>
        <h3>{t("sync.leaveOut")}</h3>
        <Ticks label={t("sync.leaveOut")} known={named} {...leaveOut} />
      </section>
    </AskWindow>
  );
}

/** A parameter; without a usual value it is needed. */
function Parameter(props: {
  of: Version["parameters"][number];
  value: string | undefined;
  onChange: (value: string) => void;
}) {
  const { name, description, kind, default: usual } = props.of;
  const t = useText();
  return (
    <TextField
      label={name}
      hint={[description, t(`sync.kind.${kind}`)].filter(Boolean).join(" \u00b7 ")}
      required={usual === undefined}
      placeholder={usual}
      maxLength={256}
      value={props.value ?? ""}
      onChange={props.onChange}
    />
  );
}

const colours = { new: "success", differs: "warning", same: "informative" } as const;

/** What the newest version would make wanted of the tenant, or what stands in the way. */
export function PreviewWindow({ ids, onClose }: Closing & { ids: Ids }) {
  const t = useText();
  const reading = useRead(`GET ${path}/preview`, { params: ids });
  return (
    <Window title={t("sync.preview")} onClose={onClose}>
      <Shown reading={reading}>
        {({ items, faults }) => (
          <ul>
            {faults.map(({ pointer, detail }) => (
              <li key={pointer + detail}>{`${pointer} ${t.said(detail)}`}</li>
            ))}
            {items.map(({ type, key, name, state }) => (
              <li key={`${type} ${key}`}>
                {`${name} (${type}) `}
                <Badge appearance="tint" color={colours[state]}>
                  {t(`sync.preview.${state}`)}
                </Badge>
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </Window>
  );
}

/** Asks before a tenant is taken off. */
export function LeaveWindow({ ids, name, onClose }: Closing & { ids: Ids; name: string }) {
  const t = useText();
  const { etag } = useRead(`GET ${path}`, { params: ids });
  return (
    <CallWindow
      title={t("sync.takeOff")}
      verb={t("sync.takeOffDo")}
      call={`DELETE ${path}`}
      given={{ params: ids, ifMatch: etag ?? "" }}
      isReady={etag !== undefined}
      onClose={onClose}
    >
      {t("sync.takeOffWhat", { name })}
    </CallWindow>
  );
}
