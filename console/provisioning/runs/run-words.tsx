/** What became of a run in numbers: a sentence that follows them, and a bar whose parts add up. */
import { tokens } from "@fluentui/react-components";
import { useEffect, useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { StackedBar } from "../../page/stacked-bar.tsx";
import { type Bucket, buckets } from "../screens.ts";
import { type Text, useText } from "../text.ts";

/** A run as the API shows it. */
export type Run = BodyOf<"GET /api/v1/tenants/{tenantId}/provisioning-runs/{runId}">;
/** Devices by where they stand. */
type RunCounts = Run["buckets"];

/** The sentence: never that all is well while something failed. */
export function sentenceOf({ final, total, buckets: counts }: Run, t: Text): string {
  const { successful, failed, notAttempted } = counts;
  const list = buckets
    .filter((bucket) => counts[bucket] > 0)
    .map((bucket) => t(`provisioning.part.${bucket}`, { count: counts[bucket] }))
    .join(", ");
  const ended = successful + failed + notAttempted;
  if (!final)
    return total === 0
      ? t("provisioning.beginning")
      : t("provisioning.soFar", { ended, total, list });
  if (total === 0) return t("provisioning.nobody");
  if (successful === total) return t("provisioning.allDone", { count: total });
  if (failed === total) return t("provisioning.allFailed", { failed, total });
  return t("provisioning.finished", { list });
}

const colours: Readonly<Record<Bucket, string>> = {
  successful: tokens.colorPaletteGreenBackground3,
  failed: tokens.colorPaletteRedBackground3,
  notAttempted: tokens.colorNeutralStroke1,
  active: tokens.colorPaletteBlueBorderActive,
  pending: tokens.colorNeutralBackground5,
};

export function RunBar(props: { counts: RunCounts; words: string; isSmall?: boolean }) {
  const { counts, ...rest } = props;
  const parts = buckets.map((id) => ({ id, count: counts[id], colour: colours[id] }));
  return <StackedBar {...rest} parts={parts} />;
}

/** How long something has been running: the only thing that moves while an action is under way. */
export function RunningFor({ since }: { since: string }) {
  const t = useText();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000);
  return <span data-running>{t("provisioning.runningFor", { time: t.clock(seconds) })}</span>;
}
