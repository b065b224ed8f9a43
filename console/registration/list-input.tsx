/** Takes a list of devices: chosen, dropped or pasted. What came is sent as it is, byte for byte. */
import {
  Button,
  makeStyles,
  mergeClasses,
  tokens,
  Text as Words,
} from "@fluentui/react-components";
import { FolderOpenRegular } from "@fluentui/react-icons";
import { type DragEvent, useRef, useState } from "react";
import { useText } from "./text.ts";

/** A list, and what it is called. */
export type ListFile = { readonly content: Blob; readonly name: string };

const useStyles = makeStyles({
  zone: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
    padding: tokens.spacingVerticalXL,
    border: `2px dashed ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusMedium,
  },
  over: { backgroundColor: tokens.colorBrandBackground2 },
});

/** The place where it is dropped or pasted, and the button that looks for it. */
export function ListInput(props: {
  readonly file: ListFile | undefined;
  readonly onChange: (file: ListFile) => void;
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
    <section
      tabIndex={0}
      aria-label={t("registration.list")}
      className={mergeClasses(styles.zone, isOver && styles.over)}
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
      <Button icon={<FolderOpenRegular />} onClick={() => input.current?.click()}>
        {t("registration.browse")}
      </Button>
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
      <Words weight={file ? "semibold" : "regular"}>
        {file ? t("registration.chosen", { name: file.name }) : t("registration.dropHere")}
      </Words>
    </section>
  );
}
