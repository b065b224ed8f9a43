/** How often something happens, on whose clock: as fields. What they say is a rule of RFC 5545, which can be written, too. */
import { Field, Input, makeStyles } from "@fluentui/react-components";
import { useId } from "react";
import { Line } from "../../page/look/line.tsx";
import { CheckField, fieldsOf, SelectField, TextField } from "../../page/values/fields.tsx";
import { useText } from "../text.ts";
import type { Recurring } from "./task.ts";
import { days, frequencies, frequencyOf, ruleOf, useDayNames, zones } from "./when.ts";

const useStyles = makeStyles({
  field: { flexGrow: 1, flexBasis: "180px", minWidth: 0 },
  days: { display: "flex", flexWrap: "wrap" },
});

type Text = { readonly value: string; readonly onChange: (value: string) => void };

/** A zone of the IANA list. */
export function ZoneField({ value, onChange }: Text) {
  const t = useText();
  const id = useId();
  return (
    <Field label={t("provisioning.zone")} className={useStyles().field}>
      <Input value={value} list={id} maxLength={64} onChange={(_, data) => onChange(data.value)} />
      <datalist id={id}>
        {zones().map((zone) => (
          <option key={zone}>{zone}</option>
        ))}
      </datalist>
    </Field>
  );
}

/** A local time. */
export const TimeField = ({ onChange, ...rest }: Text & { label: string }) => (
  <TextField
    {...rest}
    className={useStyles().field}
    type="datetime-local"
    onChange={(value) => onChange(value.slice(0, 16))}
  />
);

/** The fields. `label` says what happens so often. */
export function RecurrenceFields(props: {
  label: string;
  value: Recurring;
  onChange: (value: Recurring) => void;
}) {
  const { label, value, onChange } = props;
  const t = useText();
  const styles = useStyles();
  const names = useDayNames();
  const { frequency, on } = frequencyOf(value.rule);
  const of = fieldsOf(value, onChange);
  const change = (rule: string) => onChange({ ...value, rule });
  const toggle = (day: string, isOn: boolean) =>
    change(ruleOf("weekly", isOn ? [...on, day] : on.filter((each) => each !== day)));
  return (
    <div role="group" aria-label={label}>
      <Line align="normal">
        <SelectField
          label={t("provisioning.frequency")}
          className={styles.field}
          value={frequency}
          values={frequencies.map((each) => [each, t(`provisioning.frequency.${each}`)] as const)}
          onChange={(to) => change(ruleOf(to, on))}
        />
        <TimeField label={t("provisioning.from")} {...of("start")} />
        <ZoneField {...of("timeZone")} />
      </Line>
      {frequency === "weekly" && (
        <div role="group" aria-label={t("provisioning.days")} className={styles.days}>
          {days.map((day) => (
            <CheckField
              key={day}
              label={names[day] ?? day}
              value={on.includes(day)}
              onChange={(isChecked) => toggle(day, isChecked)}
            />
          ))}
        </div>
      )}
      {frequency === "rule" && (
        <TextField
          label={t("provisioning.rule")}
          hint={t("provisioning.ruleHint")}
          {...of("rule")}
        />
      )}
    </div>
  );
}
