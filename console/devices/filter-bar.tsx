/** The filters of devices as fields. */
import { Choose, Filters as Fields, Typed } from "../page/filters.tsx";
import { type Filters, filterNames, isFiltered } from "./filters.ts";
import { managedBy, seenTimes } from "./screens.ts";
import { useText } from "./text.ts";

/** Customary values; others are typed into the address, and stay. */
const systems = ["Windows", "macOS", "iOS", "Android"];
const states = ["compliant", "noncompliant", "inGracePeriod", "conflict", "error", "unknown"];

/** Values that are their own names. */
const plain = (values: readonly string[]) => values.map((value) => [value, value] as const);

type Change = (change: { readonly [Name in keyof Filters]: string | undefined }) => void;

/** All of them, with a button that takes them out. */
export function FilterBar(props: { readonly filters: Filters; readonly onChange: Change }) {
  const { filters, onChange } = props;
  const t = useText();
  const field = (
    name: keyof Filters,
    label: string,
    values: readonly (readonly [string, string])[],
  ) => (
    <Choose
      label={label}
      value={filters[name]}
      values={values}
      onChange={(value) => onChange({ [name]: value })}
    />
  );
  return (
    <Fields
      isFiltered={isFiltered(filters)}
      onClear={() => onChange(Object.fromEntries(filterNames.map((name) => [name, undefined])))}
    >
      <Typed
        label={t("devices.search")}
        value={filters.search}
        onChange={(search) => onChange({ search })}
        isSearch
      />
      {field("os", t("devices.os"), plain(systems))}
      {field("compliance", t("devices.compliance"), plain(states))}
      {field(
        "managed",
        t("devices.managed"),
        managedBy.map((each) => [each, t(`devices.managed.${each}`)]),
      )}
      {field(
        "seen",
        t("devices.seen"),
        seenTimes.map((each) => [each, t(`devices.seen.${each}`)]),
      )}
      <Typed label={t("devices.tag")} value={filters.tag} onChange={(tag) => onChange({ tag })} />
    </Fields>
  );
}
