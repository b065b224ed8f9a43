/** A field for a value, by its JSON Schema; a value that no field fits is written as JSON. */
import { Checkbox, Field, Input, Textarea } from "@fluentui/react-components";
import { useState } from "react";
import { useSharedText } from "../../text/text.ts";
import { valueOf } from "./field-rows.tsx";

/** As much of a schema as a field needs. */
export type Described = {
  readonly type?: "string" | "integer" | "boolean";
  readonly default?: unknown;
  readonly maxLength?: number;
};

/** Longer texts have lines. */
const longest = 256;

const kindOf = ({ type }: Described, value: unknown) =>
  type === "string" && typeof (value ?? "") === "string"
    ? "string"
    : type === "integer" && typeof (value ?? 0) === "number"
      ? "integer"
      : "json";
/** What is no JSON yet is passed on as the text that it is: the API refuses it at its place. */
const read = { string: String, integer: Number, json: valueOf };

/** The field. A variable in place of a number or a yes is a text, and no field for these. */
export function ValueField(props: {
  label: string;
  schema: Described;
  value: unknown;
  isRequired?: boolean;
  /** What the API said is wrong with it. */
  fault: string | undefined;
  /** Undefined: nothing stands there, and the default holds. */
  onChange: (value: unknown) => void;
}) {
  const { label, schema, isRequired = false, fault, onChange } = props;
  const { value = schema.default } = props;
  const t = useSharedText();
  const [json, setJson] = useState(() => JSON.stringify(value, undefined, 2) ?? "");
  const wrong = fault === undefined ? {} : { validationMessage: t.said(fault) };
  if (schema.type === "boolean" && typeof value === "boolean")
    return (
      <Field {...wrong}>
        <Checkbox
          label={label}
          checked={value}
          onChange={(_event, { checked }) => onChange(checked === true)}
        />
      </Field>
    );
  const kind = kindOf(schema, value);
  const isJson = kind === "json";
  // What holds while the field is empty.
  const usual = isJson ? undefined : (schema.default as string | number | undefined);
  const change = (text: string) => {
    if (isJson) setJson(text);
    onChange(text === "" && !(kind === "string" && isRequired) ? undefined : read[kind](text));
  };
  const Text = isJson || (schema.maxLength ?? 0) > longest ? Textarea : Input;
  return (
    <Field label={isJson ? `${label} (JSON)` : label} required={isRequired} {...wrong}>
      <Text
        {...(isJson && { rows: 6, resize: "vertical", spellCheck: false })}
        value={isJson ? json : `${(props.value as string | number | undefined) ?? ""}`}
        placeholder={usual?.toString()}
        {...(kind === "integer" && { type: "number" })}
        onChange={(_event: unknown, data: { readonly value: string }) => change(data.value)}
      />
    </Field>
  );
}
