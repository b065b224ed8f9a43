/** Filters of a list as fields, and some of many to tick. What is typed goes into the address when somebody stops typing. */
import {
  Button,
  Checkbox,
  Field,
  Input,
  makeStyles,
  Select,
  tokens,
} from "@fluentui/react-components";
import { FilterDismissRegular, SearchRegular } from "@fluentui/react-icons";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useSharedText } from "../text/text.ts";

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

const typingMs = 300;

/** The fields, with a button that takes out what they say, while they say anything. */
export function Filters(props: { isFiltered: boolean; onClear: () => void; children: ReactNode }) {
  const { isFiltered, onClear, children } = props;
  const t = useSharedText();
  return (
    <search className={useStyles().root} aria-label={t("shared.filters")}>
      {children}
      {isFiltered && (
        <Button icon={<FilterDismissRegular />} onClick={onClear}>
          {t("shared.clearFilters")}
        </Button>
      )}
    </search>
  );
}

/** One of some values; another one, which the address has, stays. Undefined: any. */
export function Choose<Value extends string>(props: {
  label: string;
  value: string | undefined;
  values: readonly (readonly [Value, string])[];
  onChange: (value: Value | undefined) => void;
  /** What none of them is called. */
  any?: string;
}) {
  const { label, value = "", values, onChange, any } = props;
  const t = useSharedText();
  const isOther = value !== "" && values.every(([each]) => each !== value);
  return (
    <Field label={label} className={useStyles().field}>
      <Select
        value={value}
        onChange={(_event, data) => onChange((data.value as Value) || undefined)}
      >
        <option value="">{any ?? t("shared.any")}</option>
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

/** Some of many; what is chosen and not known, as of a tenant that is gone, can be taken out. */
export function Ticks<Id extends string>(props: {
  label: string;
  known: readonly (readonly [Id, string])[];
  value: readonly Id[];
  onChange: (value: Id[]) => void;
}) {
  const { label, known, value, onChange } = props;
  const others = value.filter((id) => known.every(([each]) => each !== id));
  return (
    <div role="group" aria-label={label}>
      {[...known, ...others.map((id) => [id, id] as const)].map(([id, name]) => (
        <div key={id}>
          <Checkbox
            label={name}
            checked={value.includes(id)}
            onChange={(_event, { checked }) =>
              onChange(checked === true ? [...value, id] : value.filter((each) => each !== id))
            }
          />
        </div>
      ))}
    </div>
  );
}

/** Any text; undefined where it is empty. */
export function Typed(props: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  isSearch?: boolean;
  /** A day, as 2026-11-30. */
  isDay?: boolean;
}) {
  const { label, value = "", onChange, isSearch = false, isDay = false } = props;
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
        type={isSearch ? "search" : isDay ? "date" : "text"}
        {...(isSearch && { contentBefore: <SearchRegular /> })}
        onChange={(_event, data) => later(data.value)}
      />
    </Field>
  );
}
