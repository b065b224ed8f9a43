/** Why something is done, as its history will say it. */
import { Field, Input } from "@fluentui/react-components";
import { useText } from "./text.ts";

/** The field. */
export function MessageField(props: {
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const { value, onChange } = props;
  return (
    <Field label={useText()("sync.message")} required>
      <Input value={value} maxLength={200} onChange={(_event, data) => onChange(data.value)} />
    </Field>
  );
}
