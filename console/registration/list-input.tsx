/** Takes a list of devices: chosen, dropped or pasted. What came is sent as it is, byte for byte. */
import { CompoundButton, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { FolderOpenRegular } from "@fluentui/react-icons";
import { type DragEvent, useRef, useState } from "react";
import { useText } from "./text.ts";

/** A list, and what it is called. */
export type ListFile = { readonly content: Blob; readonly name: string };

const useStyles = makeStyles({
  zone: {
    maxWidth: "none",
    justifyContent: "flex-start",
    padding: tokens.spacingVerticalXL,
    border: `2px dashed ${tokens.colorNeutralStroke1}`,
  },
  over: { backgroundColor: tokens.colorBrandBackground2 },
});

/** The place where it is dropped or pasted, and the button that looks for it. */
export function ListInput(props: {
  file: ListFile | undefined;
  onChange: (file: ListFile) => void;
}) {
  const { file, onChange } = props;
  const t = useText();
  const styles = useStyles();
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const take = ({ files }: { readonly files: FileList | null }): boolean => {
    const [first] = files ?? [];
    if (first) onChange({ content: first, name: first.name });
    return first !== undefined;
  };
  const over = (event: DragEvent, is: boolean) => {
    event.preventDefault();
    setOver(is);
  };
  return (
    <>
      <CompoundButton
        className={mergeClasses(styles.zone, isOver && styles.over)}
        icon={<FolderOpenRegular />}
        secondaryContent={
          file ? t("registration.chosen", { name: file.name }) : t("registration.dropHere")
        }
        onClick={() => input.current?.click()}
        onDragOver={(event) => over(event, true)}
        onDragLeave={(event) => over(event, false)}
        onDrop={(event) => {
          over(event, false);
          take(event.dataTransfer);
        }}
        onPaste={({ clipboardData }) => {
          if (take(clipboardData)) return;
          const text = clipboardData.getData("text/plain");
          if (text !== "") onChange({ content: new Blob([text]), name: t("registration.pasted") });
        }}
      >
        <span>{t("registration.browse")}</span>
      </CompoundButton>
      <input
        ref={input}
        type="file"
        accept=".csv,text/csv"
        hidden
        onChange={(event) => {
          take(event.target);
          // The same file again, changed meanwhile, is another one.
          event.target.value = "";
        }}
      />
    </>
  );
}
