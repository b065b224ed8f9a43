/** Adds devices to a task, whichever way somebody chose: dragging, the picker, or the list of devices. */
import { useState } from "react";
import type { Problem } from "../../../clients/api.ts";
import { useConnection } from "../../api/connection.tsx";
import { useSend } from "../../api/send.ts";
import { announce } from "../../page/announce.tsx";
import { Note } from "../../page/look/note.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { useText } from "../text.ts";
import { joined, type Targets, type Task, targetsOf, useRights, withTargets } from "./task.ts";

/** What is being dragged. */
export const carried = (targets: Partial<Targets>): string => JSON.stringify(targets);

/** Why nothing was added. */
type Refusal = { readonly problem?: Problem | undefined; readonly words?: string | undefined };

/** Adds to a task as it is at that moment, and says so; `refusal` says why it did not. */
export function useAddTargets(tenantId: string) {
  const t = useText();
  const { api } = useConnection();
  const rightsOf = useRights(tenantId);
  const replace = useSend("PUT /api/v1/tenants/{tenantId}/tasks/{taskId}");
  const [refusal, setRefusal] = useState<Refusal>({});

  const whyNot = (task: Task): string | undefined => {
    if (task.kind !== "provisioning") return t("provisioning.otherKind");
    return rightsOf(task).mayChange ? undefined : t("provisioning.notYours");
  };
  const put = async (task: Task, targets: Targets, ifMatch: string | undefined) =>
    replace.send({
      params: { tenantId, taskId: task.taskId },
      body: withTargets(task, targets),
      ...(ifMatch !== undefined && { ifMatch }),
    });
  const add = async (taskId: string, more: Partial<Targets>): Promise<boolean> => {
    setRefusal({});
    const params = { tenantId, taskId };
    const found = await api.call("GET /api/v1/tenants/{tenantId}/tasks/{taskId}", { params });
    if (!found.ok) return refuse({ problem: found.problem });
    const why = whyNot(found.body);
    if (why !== undefined) return refuse({ words: why });
    const before = targetsOf(found.body);
    const targets = joined(before, more);
    if ((await put(found.body, targets, found.etag)) === undefined) return false;
    const count = targets.deviceIds.length - before.deviceIds.length;
    const name = found.body.displayName;
    announce(
      more.deviceIds === undefined
        ? t("provisioning.addedTo", { name })
        : t("provisioning.added", { name, count, all: targets.deviceIds.length }),
    );
    return true;
  };
  const refuse = (why: Refusal): false => {
    setRefusal(why);
    return false;
  };
  return {
    add,
    /** Replaces the targets of a task that was read with this etag. */
    put,
    /** Adds what was dropped onto a task. */
    drop: ({ taskId }: Task, text: string) => {
      const dropped = targetsIn(text);
      if (dropped !== undefined) void add(taskId, dropped);
    },
    isSending: replace.isSending,
    refusal: { problem: replace.problem, ...refusal },
  };
}

/** What was dropped; anything else that was dragged is nothing. */
function targetsIn(text: string): Partial<Targets> | undefined {
  try {
    return JSON.parse(text) as Partial<Targets>;
  } catch {
    return undefined;
  }
}

/** Says why nothing was added, where that is so. */
export function Refused({ of: { words, problem } }: { of: Refusal }) {
  if (problem !== undefined) return <ProblemView problem={problem} />;
  if (words === undefined) return null;
  return (
    <Note intent="error" role="alert">
      {words}
    </Note>
  );
}
