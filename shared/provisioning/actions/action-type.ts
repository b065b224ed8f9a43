/**
 * An action of a template is a small kind of its own: what it may be given, where it may stand, and what is done for the
 * devices that are at it. A run only goes from one to the next. This is the interface between the three.
 */
import type * as z from "zod";
import type { Permission } from "../../access/roles/roles.ts";
import type { Platform } from "../../devices/directory/device.ts";
import type { Call, Finding, Outcome } from "../../fanout/kind.ts";
import type { Item } from "../../fanout/state/item.ts";
import type { DeviceRun } from "../device-run.ts";
import type { SectionId } from "../templates/template.ts";

/** Parameters of an action, as its schema let them pass. */
export type Parameters = Readonly<Record<string, unknown>>;

/** A type of action, for whoever writes a template. */
export type ActionType = {
  readonly id: string;
  readonly name: { readonly en: string; readonly fr: string };
  /** Where it may stand; anywhere else it is misplaced. */
  readonly sections: readonly SectionId[];
  /** What it works on; none where no run can do it. */
  readonly platforms: readonly Platform[];
  /** For people: by which route it goes, and what it needs. */
  readonly route: string;
  /** Strict. A text with a variable in it is judged once that is filled in. */
  readonly parameters: z.ZodType<Parameters>;
  /** It must not be done twice: an unclear answer is never followed by asking again. */
  readonly guarded: boolean;
  /** What whoever starts a run must hold for its devices beside starting runs; none for what only looks. */
  readonly permissions: readonly Permission[];
};

/** An item with what it carries of its device, and the action's parameters with this device's variables in them. */
export type Asked = {
  readonly item: Item;
  readonly device: DeviceRun;
  readonly parameters: Parameters;
};

/** A call for some items, as they were when it was decided. */
export type StepCall = Call & { readonly asked: readonly Asked[] };

/** What an action leaves behind in the device run; what it does not name stays as it is. Of a long `output` the run keeps the rest apart. */
export type Left = Partial<Pick<DeviceRun, "note" | "output" | "outputId" | "requestId">>;

/** `isHeld`: somebody outside has to agree first, and the action's own time does not run meanwhile. */
export type StepOutcome = Outcome & Left & { readonly isHeld?: true };
export type StepFinding = Finding & Left;

/** Like the engine's survey. */
export type StepSurvey = {
  readonly requests: number;
  readonly isWhole?: true;
  covers(asked: Asked): boolean;
  find(asked: Asked): StepFinding | undefined;
};

/** Why a device cannot be done this to. */
export type NoRoute = { readonly code: string; readonly detail: string };

/**
 * A type of action, ready for a run. What the engine says of the methods of the same names holds here.
 * `learned` of what it answers is left to the run, which packs it. `stepFor(type)` is how a run comes by one.
 */
export interface Step {
  readonly mayRepeat: boolean;
  /** It asks nobody when it begins, so that its calls cost nothing: waits. */
  readonly isFree: boolean;
  /** Why there is no route to a device. Pure. */
  refuse(device: DeviceRun, parameters: Parameters): NoRoute | undefined;
  /** Pure. Each of them for devices that `refuse` lets pass. */
  calls(asked: readonly Asked[]): readonly StepCall[];
  /** The calls are its own; one that was cut names fewer targets than items. */
  execute(
    tenantId: string,
    call: StepCall,
    mayAsk: () => boolean,
  ): Promise<ReadonlyMap<string, StepOutcome>>;
  /** Pure. */
  readsOf(asked: readonly Asked[]): number;
  readBack(tenantId: string, asked: readonly Asked[]): Promise<ReadonlyMap<string, StepFinding>>;
  survey?(tenantId: string, asked: readonly Asked[]): Promise<StepSurvey | undefined>;
}
