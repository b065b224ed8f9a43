/** Files to keep: what the API gives in another form, and what a page has made of what it shows. */
import { useState } from "react";
import type { Problem } from "../../clients/api.ts";

/** As long as the browser may take to begin. */
const keptMs = 60_000;

/** Saves a content under a name, as the browser does with any download. */
export function saveFile(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), keptMs);
}

type Asked = Promise<
  { readonly ok: true; readonly response: Response } | { readonly ok: false; problem: Problem }
>;

/** Saves what `api.download` answers; `problem` says why the last one came to nothing. */
export function useSaveAnswer() {
  const [problem, setProblem] = useState<Problem>();
  const save = async (asked: Asked, name: string): Promise<void> => {
    const answer = await asked;
    setProblem(answer.ok ? undefined : answer.problem);
    if (answer.ok) saveFile(await answer.response.blob(), name);
  };
  return { save, problem };
}
