/** What the toolbars of all jobs have: stopping it, letting it rest and go on, and its address. */
import { DismissCircleRegular, PauseRegular, PlayRegular } from "@fluentui/react-icons";
import type { ComponentProps } from "react";
import type { CallName } from "../../../clients/api.ts";
import type { GivenTo } from "../../api/intention.ts";
import { useSharedText } from "../../text/text.ts";
import { CopyButton } from "../copy-button.tsx";
import { MayButton } from "../may-button.tsx";
import { CallButton } from "./call.tsx";

type Button = ComponentProps<typeof MayButton>;
type Takes = Pick<Button, "permission" | "why">;

/** Has somebody asked whether it is to be stopped; nothing where it has come to its end. */
export function StopButton(
  props: Pick<Button, "permission" | "onClick" | "children"> & {
    of: { readonly state: string; readonly final: boolean };
  },
) {
  const { of, ...rest } = props;
  if (of.final) return null;
  return <MayButton {...rest} icon={<DismissCircleRegular />} isBusy={of.state === "cancelling"} />;
}

/** Lets it rest, or go on where it rests; nothing where it does neither. */
export function Rest<Pause extends CallName, Resume extends CallName>(props: {
  state: string;
  /** States in which it runs. */
  runs?: readonly string[];
  given: GivenTo<Pause> & GivenTo<Resume>;
  pause: Pause;
  resume: Resume;
  takes: Takes;
  /** What resuming takes, where that is another thing than what pausing takes. */
  resumeTakes?: Takes;
}) {
  const { state, runs = ["running"], given, pause, resume, takes, resumeTakes = takes } = props;
  const t = useSharedText();
  if (state === "paused")
    return (
      <CallButton {...resumeTakes} icon={<PlayRegular />} call={resume} given={given}>
        {t("shared.resume")}
      </CallButton>
    );
  if (!runs.includes(state)) return null;
  return (
    <CallButton {...takes} icon={<PauseRegular />} call={pause} given={given}>
      {t("shared.pause")}
    </CallButton>
  );
}

/** Copies the address of the page, for who is to look at it. */
export function CopyAddress() {
  const t = useSharedText();
  const label = t("shared.copyAddress");
  return <CopyButton appearance="subtle" text={() => location.href} label={label} />;
}
