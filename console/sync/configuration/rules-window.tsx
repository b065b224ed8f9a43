/**
 * What is decided about one item: how much of it is compared, which differences are accepted and until when, and what this
 * tenant wants instead. Replaced whole, and only the version that was shown.
 */
import { useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { useSend } from "../../api/send.ts";
import { type FieldRow, FieldRows, textOfValue, valueOf } from "../../page/values/field-rows.tsx";
import { RadioField, useHeld } from "../../page/values/fields.tsx";
import { AskWindow } from "../../page/window.tsx";
import { MessageField } from "../message-field.tsx";
import { useText } from "../text.ts";

const path = "/api/v1/tenants/{tenantId}/configuration/{type}/{key}/rules";
type Rules = BodyOf<`GET ${typeof path}`>;
/** A difference of the item, as the API shows it. */
type Difference = { readonly pointer: string; readonly before?: unknown; readonly after?: unknown };

export function RulesWindow(props: {
  ids: { readonly tenantId: string; readonly type: string; readonly key: string };
  rules: Rules;
  etag: string;
  differences: readonly Difference[];
  onClose: () => void;
}) {
  const { ids, differences, onClose } = props;
  const t = useText();
  const sending = useSend(`PUT ${path}`);
  // Whatever is read meanwhile: what is saved was made of this version.
  const [{ rules, etag }] = useState(props);
  const mode = useHeld(rules.mode);
  const message = useHeld("");
  const deviations = useHeld<readonly FieldRow[]>(() => rules.deviations.map(typedOf));
  const overrides = useHeld<readonly FieldRow[]>(() =>
    rules.overrides.map(({ pointer, value }) => ({ pointer, value: textOfValue(value) })),
  );
  const send = async () => {
    const body = {
      mode: mode.value,
      message: message.value.trim(),
      deviations: deviations.value.map((row) => deviationOf(rules, row)),
      overrides: overrides.value.map(overrideOf),
    };
    return sending.send({ params: ids, ifMatch: etag, body });
  };
  const places = differences.map(({ pointer }) => [pointer, pointer] as const);
  const at = (pointer: string) => differences.find((each) => each.pointer === pointer);
  return (
    <AskWindow
      wide
      title={t("sync.rules")}
      verb={t("sync.save")}
      sending={sending}
      isReady={message.value.trim() !== ""}
      onDo={send}
      said={() => t("sync.saved")}
      onClose={onClose}
    >
      <RadioField
        label={t("sync.mode")}
        values={(["strict", "subset"] as const).map((each) => [each, t(`sync.mode.${each}`)])}
        {...mode}
      />
      <FieldRows
        label={t("sync.deviations")}
        at="/deviations"
        problem={sending.problem}
        {...deviations}
        columns={[
          {
            name: "pointer",
            label: t("sync.property"),
            values: places,
            follows: (pointer) => ({ accepted: textOfValue(at(pointer)?.before) }),
          },
          { name: "accepted", label: t("sync.accepted") },
          { name: "reason", label: t("sync.reason") },
          { name: "until", label: t("sync.until"), isDay: true },
        ]}
      />
      <FieldRows
        label={t("sync.overrides")}
        at="/overrides"
        problem={sending.problem}
        {...overrides}
        columns={[
          { name: "pointer", label: t("sync.property") },
          { name: "value", label: t("sync.value") },
        ]}
      />
      <MessageField {...message} />
    </AskWindow>
  );
}

/** A deviation as its fields have it. */
const typedOf = ({ pointer, accepted, reason, until = "" }: Rules["deviations"][number]) => ({
  pointer,
  accepted: textOfValue(accepted),
  reason,
  until: until.slice(0, 10),
});

const overrideOf = ({ pointer = "", value = "" }: FieldRow) => ({ pointer, value: valueOf(value) });

/** A deviation as it was typed; the moment that it has already on a day stays, else it is the day's end. */
function deviationOf({ deviations }: Rules, row: FieldRow) {
  const { pointer = "", accepted = "", reason = "", until: day = "" } = row;
  const known = deviations.find((each) => each.pointer === pointer)?.until;
  const until = known?.startsWith(day) ? known : `${day}T23:59:59.000Z`;
  return {
    pointer,
    reason,
    ...(accepted !== "" && { accepted: valueOf(accepted) }),
    ...(day !== "" && { until }),
  };
}
