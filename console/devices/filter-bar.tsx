/** The filters of devices as fields. */
import { Choose, Filters as Fields, Typed } from "../page/filters.tsx";
import { filterNames } from "./filters.ts";
import { deviceListScreen, managedBy, seenTimes } from "./screens.ts";
import { useText } from "./text.ts";

/** Customary values; others are typed into the address, and stay. */
const systems = ["Windows", "macOS", "iOS", "Android"];
const states = ["compliant", "noncompliant", "inGracePeriod", "conflict", "error", "unknown"];

/** Values that are their own names. */
const plain = (values: readonly string[]) => values.map((value) => [value, value] as const);

/** All of them, with a button that takes them out. What they find is no longer what was chosen as "all". */
export function FilterBar() {
  const t = useText();
  const filter = deviceListScreen.useFilters(filterNames, { to: undefined });
  return (
    <Fields {...filter.all}>
      <Typed label={t("devices.search")} {...filter.of("search")} isSearch />
      <Choose label={t("devices.os")} {...filter.of("os")} values={plain(systems)} />
      <Choose label={t("devices.compliance")} {...filter.of("compliance")} values={plain(states)} />
      <Choose
        label={t("devices.managed")}
        {...filter.of("managed")}
        values={managedBy.map((each) => [each, t(`devices.managed.${each}`)] as const)}
      />
      <Choose
        label={t("devices.seen")}
        {...filter.of("seen")}
        values={seenTimes.map((each) => [each, t(`devices.seen.${each}`)] as const)}
      />
      <Typed label={t("devices.tag")} {...filter.of("tag")} />
    </Fields>
  );
}
