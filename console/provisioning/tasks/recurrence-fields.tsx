/** How often something happens, on whose clock: as fields. What they say is a rule of RFC 5545, which can be written, too. */
import { Field, Input, makeStyles } from "@fluentui/react-components";
import { useId } from "react";
import { Line } from "../../page/look/line.tsx";
import { CheckField, SelectField, TextField } from "../../page/values/fields.tsx";
import { useText } from "../text.ts";
import type { Recurring } from "./task.ts";
import { days, frequencies, frequencyOf, ruleOf, useDayNames, zones } from "./when.ts";

const useStyles = makeStyles({
  field: { flexGrow: 1, flexBasis: "180px", minWidth: 0 },
  days: { display: "flex", flexWrap: "wrap" },
});

/** A zone of the IANA list. */
export function ZoneField(props: {
  readonly zone: string;
  readonly onChange: (zone: string) => void;
}) {
  const t = useText();
  const id = useId();
  return (
    <Field label={t("provisioning.zone")} className={useStyles().field}>
      <Input
        value={props.zone}
        list={id}
        maxLength={64}
        onChange={(_event, { value }) => props.onChange(value)}
      />
      <datalist id={id}>
        {zones().map((zone) => (
          <option key={zone}>{zone}</option>
        ))}
      </datalist>
    </Field>
  );
}

/** A local time. */
export function TimeField(props: {
  readonly label: string;
  readonly time: string;
  readonly onChange: (time: string) => void;
}) {
  return (
    <TextField
      label={props.label}
      className={useStyles().field}
      type="datetime-local"
      value={props.time}
      onChange={(value) => props.onChange(value.slice(0, 16))}
    />
  );
}

/** The fields. `label` says what happens so often. */
export function RecurrenceFields(props: {
  readonly label: string;
  readonly value: Recurring;
  readonly onChange: (value: Recurring) => void;
}) {
  const { label, value, onChange } = props;
  const t = useText();
  const styles = useStyles();
  const names = useDayNames();
  const { frequency, on } = frequencyOf(value.rule);
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
        <TimeField
          label={t("provisioning.from")}
          time={value.start}
          onChange={(start) => onChange({ ...value, start })}
        />
        <ZoneField
          zone={value.timeZone}
          onChange={(timeZone) => onChange({ ...value, timeZone })}
        />
      </Line>
      {frequency === "weekly" && (
        <div role="group" aria-label={t("provisioning.days")} className={styles.days}>
          {days.map((day) => (
            <CheckField
              key={day}
              label={names[day] ?? day}
              checked={on.includes(day)}
              onChange={(isChecked) => toggle(day, isChecked)}
            />
          ))}
        </div>
      )}
      {frequency === "rule" && (
        <TextField
          label={t("provisioning.rule")}
          hint={t("provisioning.ruleHint")}
          value={value.rule}
          onChange={change}
        />
      )}
    </div>
  );
}
