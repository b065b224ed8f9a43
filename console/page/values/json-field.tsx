/** JSON that somebody writes or brings from a file, or a zip of it; what is wrong with it as JSON is said beneath it. */
import { Field, makeStyles, Textarea, tokens } from "@fluentui/react-components";
import { useId } from "react";
import { useSharedText } from "../../text/text.ts";

const useStyles = makeStyles({
  text: { "& textarea": { fontFamily: tokens.fontFamilyMonospace, minHeight: "280px" } },
  file: { "& input": { maxWidth: "100%" } },
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

const isZip = ({ name, type }: File): boolean => name.endsWith(".zip") || type.includes("zip");

/** The field, and the way to fill it from a file. `onZip` takes a zip in its place, and then the field is not shown. */
export function JsonField(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  zip?: File | undefined;
  onZip?: (zip: File | undefined) => void;
}) {
  const { label, value, onChange, zip, onZip } = props;
  const t = useSharedText();
  const styles = useStyles();
  const id = useId();
  const { fault } = value === "" ? {} : readObject(value);
  const take = (file: File | undefined) => {
    const isTaken = file !== undefined && onZip !== undefined && isZip(file);
    onZip?.(isTaken ? file : undefined);
    if (!isTaken) void file?.text().then(onChange);
  };
  return (
    <>
      <div className={styles.file}>
        <label htmlFor={id}>{t("shared.fromFile")}</label>{" "}
        <input
          id={id}
          type="file"
          accept={`.json,application/json${onZip ? ",.zip,application/zip" : ""}`}
          onChange={({ target }) => take(target.files?.[0])}
        />
      </div>
      {zip === undefined && (
        <Field label={label} required {...(fault && { validationMessage: fault })}>
          <Textarea
            className={styles.text}
            value={value}
            resize="vertical"
            spellCheck={false}
            onChange={(_event, data) => onChange(data.value)}
          />
        </Field>
      )}
    </>
  );
}
