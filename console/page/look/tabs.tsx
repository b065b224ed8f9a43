/** Tabs, on a next line where there is no room beside the others. */
import { makeStyles, Tab, TabList } from "@fluentui/react-components";

const useStyles = makeStyles({ root: { flexWrap: "wrap" } });

/** One of some values is chosen; some may be out of reach. */
export function Tabs<Value extends string>(props: {
  value: Value;
  values: readonly (readonly [Value, label: string, isOut?: boolean])[];
  onChange: (value: Value) => void;
}) {
  const { value, values, onChange } = props;
  return (
    <TabList
      className={useStyles().root}
      selectedValue={value}
      onTabSelect={(_event, data) => onChange(data.value as Value)}
    >
      {values.map(([each, label, isOut = false]) => (
        <Tab key={each} value={each} disabled={isOut}>
          {label}
        </Tab>
      ))}
    </TabList>
  );
}
