/** Fields of forms, each with its label, and told of what it says now alone: a text, one of known values, a yes. */
import {
  Checkbox,
  type CheckboxProps,
  Field,
  Input,
  type InputProps,
  Radio,
  RadioGroup,
  Select,
  Textarea,
} from "@fluentui/react-components";
import { type ReactElement, type ReactNode, useState } from "react";

type Label = {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly required?: boolean | undefined;
  /** What is wrong with what it says. */
  readonly fault?: string | undefined;
  readonly className?: string | undefined;
};
/** What a field says, and what is told when that changes. */
type Holds<Value> = { readonly value: Value; readonly onChange: (value: Value) => void };

function Labelled(props: Label & { children: ReactElement }) {
  const { label, hint = null, required = false, fault = null, className, children } = props;
  return (
    <Field {...{ label, hint, required, className }} validationMessage={fault}>
      {children}
    </Field>
  );
}

type Written = Pick<
  InputProps,
  "maxLength" | "max" | "min" | "placeholder" | "readOnly" | "type"
> & { readonly isLong?: boolean };

/** A text; `isLong`: of several lines. */
export function TextField(props: Label & Holds<string> & Written) {
  const { label, hint, required, fault, className, isLong = false, onChange, ...given } = props;
  const Text = isLong ? Textarea : Input;
  return (
    <Labelled {...{ label, hint, required, fault, className }}>
      <Text
        {...given}
        onChange={(_event: unknown, data: { readonly value: string }) => onChange(data.value)}
      />
    </Labelled>
  );
}

/** A whole number. */
export function NumberField(props: Label & Holds<number> & { min?: number; max?: number }) {
  const { value, min = 0, onChange, ...rest } = props;
  const typed = { type: "number", value: String(value), min } as const;
  return <TextField {...rest} {...typed} onChange={(text) => onChange(Number(text))} />;
}

/** One of some values, in a list that opens. `none`: what stands there before one is chosen. */
export function SelectField<Value extends string>(
  props: Label &
    Holds<Value> & {
      values: readonly (readonly [Value, string])[];
      none?: string | undefined;
    },
) {
  const { value, values, none, onChange } = props;
  return (
    <Labelled {...props}>
      <Select value={value} onChange={(_event, data) => onChange(data.value as Value)}>
        {none !== undefined && <option value="">{none}</option>}
        {values.map(([each, words]) => (
          <option key={each} value={each}>
            {words}
          </option>
        ))}
      </Select>
    </Labelled>
  );
}

/** One of some values, all of which are seen; some may be out of reach. `isBare`: its label is only heard. */
export function RadioField<Value extends string>(
  props: Label &
    Holds<Value> & {
      values: readonly (readonly [Value, label: ReactNode, isOut?: boolean])[];
      isBare?: boolean;
    },
) {
  const { label, value, values, isBare = false, onChange } = props;
  const group = (
    <RadioGroup
      value={value}
      onChange={(_event, data) => onChange(data.value as Value)}
      {...(isBare && { layout: "horizontal", "aria-label": label, style: { flexWrap: "wrap" } })}
    >
      {values.map(([each, words, isOut = false]) => (
        <Radio key={each} value={each} label={<>{words}</>} disabled={isOut} />
      ))}
    </RadioGroup>
  );
  return isBare ? group : <Labelled {...props}>{group}</Labelled>;
}

/** A yes, or none. */
export function CheckField(props: Pick<CheckboxProps, "aria-label" | "label"> & Holds<boolean>) {
  const { value, onChange, ...rest } = props;
  const change: CheckboxProps["onChange"] = (_event, { checked }) => onChange(checked === true);
  return <Checkbox {...rest} checked={value} onChange={change} />;
}

/** What a field says, where nothing else holds it. */
export function useHeld<Value>(initial: Value | (() => Value)): Holds<Value> {
  const [value, onChange] = useState(initial);
  return { value, onChange };
}

/** Fields of what is sent as one thing, by their names: `<TextField label={...} {...of("name")} />`. */
export type FieldsOf<Draft> = <Name extends keyof Draft>(name: Name) => Holds<Draft[Name]>;

/** The fields of a draft. */
export const fieldsOf =
  <Draft extends object>(draft: Draft, onChange: (draft: Draft) => void): FieldsOf<Draft> =>
  (name) => ({
    value: draft[name],
    onChange: (value) => onChange({ ...draft, [name]: value }),
  });
