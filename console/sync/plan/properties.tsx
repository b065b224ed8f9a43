/** What is different of an item, property by property. */
import { Badge, type BadgeProps, makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { OldAndNew } from "../../page/values/old-and-new.tsx";
import { useText } from "../text.ts";
import type { Plan } from "./verdict-window.tsx";

type Change = Plan["changes"][number];

const useStyles = makeStyles({
  head: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS, alignItems: "center" },
  type: { color: tokens.colorNeutralForeground2 },
});

/** Of what is folded together: what becomes of an item, the item, and what else is to be seen at once. */
export function ItemTitle(props: {
  what: string;
  color: BadgeProps["color"];
  item: { readonly name: string; readonly type: string };
  children?: ReactNode;
}) {
  const { what, color = "informative", item, children } = props;
  const styles = useStyles();
  return (
    <span className={styles.head}>
      <Badge appearance="tint" color={color}>
        {what}
      </Badge>
      {item.name}
      <span className={styles.type}>{item.type}</span>
      {children}
    </span>
  );
}

/** Old and new, property by property. */
export function Properties({ change }: { change: Pick<Change, "properties" | "name"> }) {
  const t = useText();
  return (
    <OldAndNew
      label={t("sync.propertiesOf", { name: change.name })}
      heads={[t("sync.property"), t("sync.old"), t("sync.new")]}
      rows={change.properties.map(({ pointer, before, after }) => ({
        id: pointer,
        name: pointer,
        sides: [{ value: before }, { value: after }],
      }))}
    />
  );
}
