/** Why something is done, as its history will say it. */
import { TextField } from "../page/values/fields.tsx";
import { useText } from "./text.ts";

export function MessageField(props: { value: string; onChange: (value: string) => void }) {
  const { value, onChange } = props;
  return (
    <TextField
      label={useText()("sync.message")}
      required
      value={value}
      maxLength={200}
      onChange={onChange}
    />
  );
}
