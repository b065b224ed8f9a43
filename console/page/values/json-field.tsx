/** JSON that somebody writes or brings from a file; what is wrong with it as JSON is said beneath it. */
import { Field, makeStyles, Textarea, tokens } from "@fluentui/react-components";
import { useId } from "react";
import { useSharedText } from "../../text/text.ts";

const useStyles = makeStyles({
  text: { "& textarea": { fontFamily: tokens.fontFamilyMonospace, minHeight: "280px" } },
});

/** The object that a text is, or what is wrong with it. */
export function readObject(text: string): { readonly value?: object; readonly fault?: string } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { value } : { fault: "{ }" };
  } catch (cause) {
    return { fault: String(cause) };
  }
}

/** The field, and the way to fill it from a file. */
export function JsonField(props: {
  readonly label: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
}) {
  const { label, text, onChange } = props;
  const t = useSharedText();
  const id = useId();
  const { fault } = text === "" ? {} : readObject(text);
  return (
    <>
      <div>
        <label htmlFor={id}>{t("shared.fromFile")}</label>{" "}
        <input
          id={id}
          type="file"
          accept=".json,application/json"
          onChange={({ target }) => void target.files?.[0]?.text().then(onChange)}
        />
      </div>
      <Field label={label} required {...(fault && { validationMessage: fault })}>
        <Textarea
          className={useStyles().text}
          value={text}
          resize="vertical"
          spellCheck={false}
          onChange={(_event, { value }) => onChange(value)}
        />
      </Field>
    </>
  );
}
