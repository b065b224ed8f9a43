/** Copies a text, and says that it did. */
import { Button, type ButtonProps } from "@fluentui/react-components";
import { CheckmarkRegular, CopyRegular } from "@fluentui/react-icons";
import { useEffect, useState } from "react";
import { useSharedText } from "../text/text.ts";
import { announce } from "./announce.tsx";

const shownMs = 3000;

/** A button that copies; its label is "Copy" where none is given. */
export function CopyButton(
  props: Pick<ButtonProps, "appearance" | "size"> & {
    text: () => string;
    label?: string;
  },
) {
  const { text, label, ...rest } = props;
  const t = useSharedText();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), shownMs);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    setCopied(true);
    announce(t("shared.copied"));
  };
  return (
    <Button
      {...rest}
      icon={copied ? <CheckmarkRegular /> : <CopyRegular />}
      onClick={() => void copy()}
    >
      {label ?? t("shared.copy")}
    </Button>
  );
}
