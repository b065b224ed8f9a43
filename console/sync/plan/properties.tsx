/** What is different of an item, property by property. */
import { OldAndNew } from "../../page/values/old-and-new.tsx";
import { useText } from "../text.ts";
import type { Plan } from "./verdict-window.tsx";

type Change = Plan["changes"][number];

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
