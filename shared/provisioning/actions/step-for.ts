/** The step of each type of action, made once. */
import type { Step } from "./action-type.ts";
import { actionTypes } from "./catalogue.ts";
import { type DeviceStepParts, deviceStep } from "./device-steps.ts";
import { directoryStepOf } from "./directory-steps.ts";
import { checkInStep, conditionStep, waitStep } from "./waits.ts";

/** Finds the step of a type; throws for a type that there is not any more. */
export function stepsOver(parts: DeviceStepParts): (typeId: string) => Step {
  const waits: Readonly<Record<string, Step>> = {
    wait: waitStep(parts.clock),
    waitForCheckIn: checkInStep(parts.watch),
    waitUntil: conditionStep(parts.watch),
  };
  const steps = new Map(
    actionTypes.flatMap(({ id }) => {
      const step = waits[id] ?? directoryStepOf(parts, id) ?? deviceStep(parts, id);
      return step === undefined ? [] : [[id, step] as const];
    }),
  );
  return (typeId) => {
    const step = steps.get(typeId);
    if (step === undefined) throw new Error(`there is no type of action "${typeId}" any more`);
    return step;
  };
}
