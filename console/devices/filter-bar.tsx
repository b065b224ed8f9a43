/** The filters as fields. What is typed goes into the address when somebody stops typing. */
import { Button, Field, Input, makeStyles, Select, tokens } from "@fluentui/react-components";
import { FilterDismissRegular, SearchRegular } from "@fluentui/react-icons";
import { useEffect, useRef, useState } from "react";
import { type Filters, filterNames, isFiltered } from "./filters.ts";
import { managedBy, seenTimes } from "./screens.ts";
import { useText } from "./text.ts";

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "end",
    gap: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`,
  },
  field: {
    flexGrow: 1,
    flexBasis: "150px",
    maxWidth: "240px",
    minWidth: 0,
    // A long choice must not make its field wider.
    "& > *": { minWidth: 0 },
    "& select": { minWidth: 0, width: "100%", textOverflow: "ellipsis" },
  },
});

/** Customary values; others are typed into the address, and stay. */
const systems = ["Windows", "macOS", "iOS", "Android"];
const states = ["compliant", "noncompliant", "inGracePeriod", "conflict", "error", "unknown"];
const typingMs = 300;

/** Values that are their own names. */
const plain = (values: readonly string[]) => values.map((value) => [value, value] as const);

type Change = (change: { readonly [Name in keyof Filters]: string | undefined }) => void;

/** All of them, with a button that takes them out. */
export function FilterBar(props: { readonly filters: Filters; readonly onChange: Change }) {
  const { filters, onChange } = props;
  const t = useText();
  const styles = useStyles();
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
    <search className={styles.root} aria-label={t("devices.filters")}>
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
      {isFiltered(filters) && (
        <Button
          icon={<FilterDismissRegular />}
          onClick={() => onChange(Object.fromEntries(filterNames.map((name) => [name, undefined])))}
        >
          {t("devices.clearFilters")}
        </Button>
      )}
    </search>
  );
}

function Choose(props: {
  readonly label: string;
  readonly value: string | undefined;
  readonly values: readonly (readonly [string, string])[];
  readonly onChange: (value: string | undefined) => void;
}) {
  const { label, value = "", values, onChange } = props;
  const t = useText();
  const isOther = value !== "" && values.every(([each]) => each !== value);
  return (
    <Field label={label} className={useStyles().field}>
      <Select
        value={value}
        onChange={(_event, data) => onChange(data.value === "" ? undefined : data.value)}
      >
        <option value="">{t("devices.any")}</option>
        {values.map(([each, words]) => (
          <option key={each} value={each}>
            {words}
          </option>
        ))}
        {isOther && <option value={value}>{value}</option>}
      </Select>
    </Field>
  );
}

function Typed(props: {
  readonly label: string;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
  readonly isSearch?: boolean;
}) {
  const { label, value = "", onChange, isSearch = false } = props;
  const [typed, setTyped] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setTyped(value), [value]);
  const later = (text: string) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(
      () => onChange(text.trim() === "" ? undefined : text.trim()),
      typingMs,
    );
  };
  return (
    <Field label={label} className={useStyles().field}>
      <Input
        value={typed}
        maxLength={256}
        type={isSearch ? "search" : "text"}
        {...(isSearch && { contentBefore: <SearchRegular /> })}
        onChange={(_event, data) => later(data.value)}
      />
    </Field>
  );
}
