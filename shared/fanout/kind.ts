/**
 * The fan-out engine: one thing that was asked for, done to many targets, with a true outcome for each.
 *
 * A **job** is what was asked for, frozen in its row. Planning makes an **item** of each target, packs items into
 * rows and cuts rows into **chunks**, each with a reservation at the tenant's throttle and a message. Dispatching
 * claims the items of a chunk, makes the **calls** that carry them, and writes down outcomes. What the far side has
 * taken is read back in rounds, until each item is done, has failed, or its time is over. Items of which nobody knows
 * whether they left are read back before anything is asked again. Rows decide; messages only name them.
 *
 * The engine knows no device, no action, no Graph. A **kind** of job brings those, by the interface below. So this
 * folder is all that a new kind has to be read for; `state/` is what is kept, `engine/` what is done with it, and
 * `care/` what happens when messages are lost or break.
 */
import type { ApprovableKind } from "../access/approvals/approval.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import type { Instant } from "../kernel/clock.ts";
import type { Item, Transition } from "./state/item.ts";
import type { ChunkIds, Job, JobFailure, JobShape } from "./state/job.ts";

/** Something that a job is for: a device, a hardware hash, a setting. */
export type Target = {
  /** Unique in its tenant, and fit for a row key. Targets come in the order of their ids. */
  readonly targetId: string;
};

/** A part of a job's targets, and where the next one begins; absent at the end. */
export type TargetPage<T extends Target = Target> = {
  readonly targets: readonly T[];
  readonly next?: string;
};

/** What an item begins with: waiting, or at its end already, with the reason. */
export type FirstState = { readonly name: string } & (
  | {
      readonly state: "waiting";
      readonly route: number;
      /** The step that it begins at; absent: the first. */
      readonly step?: number;
      /** What that step has to know, in the kind's words. */
      readonly learned?: string;
    }
  | {
      readonly state: "failed" | "notSupported";
      readonly code: string;
      readonly detail: string;
    }
);

/** One call to the far side, for some items. What else it needs, the kind adds. */
export type Call = {
  readonly targetIds: readonly string[];
  /** Each target counts as a request of its own, and the call can be cut; otherwise it costs one request. */
  readonly perTarget: boolean;
  /** Nobody outside is asked: it costs nothing, and goes before whatever waits for its turn. */
  readonly free?: true;
};

/** What an attempt leaves behind: for whatever comes next of the item, and for its history. In the kind's words. */
type Left = { readonly learned?: string; readonly kept?: string };

/** What came of a call for one item. */
export type Outcome =
  /** Taken: what becomes of it is read back, with what was learned where to look. */
  | { readonly kind: "accepted"; readonly learned?: string }
  | (Left & { readonly kind: "done"; readonly code?: string; readonly detail?: string })
  | (Left & { readonly kind: "failed"; readonly code: string; readonly detail: string })
  /** This target cannot do it. */
  | (Left & { readonly kind: "declined"; readonly code: string; readonly detail: string })
  /** Surely not done; after the time, or after a back-off where none was given. */
  | (Left & {
      readonly kind: "later";
      readonly afterMs?: number;
      /** The far side asked everybody of the tenant to wait. */
      readonly throttled: boolean;
      readonly code: string;
      readonly why: string;
    })
  /** Refused among others: to be asked for by itself. */
  | { readonly kind: "singly"; readonly code: string; readonly why: string }
  /** It may have been done. */
  | {
      readonly kind: "unclear";
      readonly why: string;
      /** The whole call got no answer: it is asked again with at most so many. */
      readonly atMost?: number;
    };

/** What the far side shows of an item. */
export type Finding =
  | (Left & {
      readonly kind: "ended";
      /** `repeat`: the far side let go of it undone, and it is to be asked for again; `lose`: nobody can tell. */
      readonly event: "finish" | "fail" | "decline" | "cancel" | "repeat" | "lose";
      readonly code?: string;
      readonly detail?: string;
      /** Not to be asked for again before. */
      readonly notBefore?: Instant;
    })
  /** It is there, and has not ended. `awake`: the target was seen since. */
  | { readonly kind: "pending"; readonly awake: boolean }
  /** Looked at, and nothing of it is there. */
  | { readonly kind: "nothing"; readonly awake: boolean }
  /** The far side no longer knows the target. */
  | { readonly kind: "gone"; readonly code: string; readonly detail: string }
  /** Could not be read now. */
  | { readonly kind: "unreadable"; readonly afterMs?: number; readonly why?: string };

/** What a few pages of the far side tell of many items at once. Silence in it proves nothing, unless it is whole. */
export type Survey = {
  /** Requests that it took; 0 when it was read before. */
  readonly requests: number;
  /** Reading items one by one would tell no more: what it does not show is not there. For all that it covers, or some. */
  readonly isWhole?: true | ((item: Item) => boolean);
  /** Whether it would show such an item at all. */
  covers(item: Item): boolean;
  find(item: Item): Finding | undefined;
};

/** Why an item that waits does not go now: not before then, or not at all any more. No attempt is counted. */
export type Hold = { readonly code: string; readonly detail: string } & (
  | {
      readonly until: Instant;
      /**
       * It does not depend on us when it goes: where rules let the job out, it takes no place meanwhile, and they let it out
       * again when it is back.
       */
      readonly isAside?: true;
    }
  | { readonly end: "fail" | "decline" | "cancel" | "expire" | "silence" }
);

/** Which throttles a job's requests go by. */
export type Workloads = { readonly calls: string; readonly reads: string };

/** Reasons in the kind's words, for ends that the engine decides. */
type Reasons = {
  /** The job failed as a whole; the engine adds before what: `before it left`, or its next step. */
  readonly jobFailed: { readonly code: string; readonly detail: string };
  /** Its time is over, the target was seen since, and the far side still shows it as pending. */
  readonly pending: { readonly code: string; readonly detail: string };
  /** It left the target while it waited. */
  readonly leftScope: { readonly code: string; readonly detail: string };
  /** Its time is over, the target was seen since, and nothing of it is there. */
  readonly noResult: { readonly code: string; readonly detail: string };
  /** Its time is over, and the target was not seen since. */
  readonly silent: { readonly code: string; readonly detail: string };
};

/**
 * A kind of job. What a method says of calls to outside holds for whoever calls it too: pure ones are asked by
 * previews as well. Methods that read or write may throw; the engine tries again, and says in the end what it was.
 */
export interface JobKind<J extends Job = Job, C extends Call = Call, T extends Target = Target>
  extends JobShape<J> {
  /** What such a job is about, in a word that its rows keep. Pure. */
  subjectOf(job: J): string;
  /** Index of the last step; a kind without steps has 0. Pure. */
  lastStep(job: J): number;
  /** True when whoever gets it twice is none the worse: else an unclear answer is never followed by asking again. */
  mayRepeat(job: J, item: Item): boolean;
  /** Names of the throttles, for calls and for reading back. Pure. */
  workloadsOf(job: J): Workloads;
  /** Rows that one message takes care of, at most 40; absent: the engine's own. */
  readonly rowsPerChunk?: number;
  /**
   * A pass may take so long, each call when its place at the throttle comes; absent: what may go at once. For calls that cost
   * much at a slow throttle: a pass costs some ten requests to storage, however little it sends.
   */
  readonly passMs?: number;
  /** Between rounds of reading back: the first wait, which doubles, and the longest; absent: the engine's own. */
  readonly rounds?: { readonly firstMs: number; readonly mostMs: number };
  /**
   * Whether an item that waits goes on although its job is cancelled or has failed: its next step only finds out what is
   * done already, or it has been begun and is not left half-way. Pure.
   */
  followsThrough?(job: J, item: Item): boolean;
  readonly reasons: Reasons;

  /** Claims before a waiting item is given up; absent: the engine's own. */
  readonly maxAttempts?: number;
  /** How often what may be repeated is asked without a clear answer before nobody can tell; absent: three times. */
  readonly maxUnclear?: number;
  /** How each attempt ended is kept, written together with the item's new state. */
  readonly keepsAttempts?: true;

  /** The targets after `cursor`, in the order of their ids. */
  targets(job: J, cursor: string | undefined): Promise<TargetPage<T>>;
  /** Where a walk goes on that kept only the targets up to `last` of a page. Pure. */
  cursorBehind(next: string | undefined, last: string): string;
  /** What an item begins with. Pure. */
  plan(job: J, target: T): FirstState;
  /** The calls that carry items which wait; none for what a carrier fetches. Pure. */
  calls(job: J, items: readonly Item[]): readonly C[];
  /** Makes a call; nothing is asked any more once `mayAsk` says no. Never throws for what the far side answers. */
  execute(job: J, call: C, mayAsk: () => boolean): Promise<ReadonlyMap<string, Outcome>>;
  /** How many requests reading back costs that goes as it should; a share of a survey is a fraction. Pure. */
  readsOf(job: J, items: readonly Item[]): number;
  /** Reads items one by one; each costs a request. */
  readBack(job: J, items: readonly Item[]): Promise<ReadonlyMap<string, Finding>>;
  /** Reads many at once, where the far side has such a list and lets it be read. */
  survey?(job: J, items: readonly Item[]): Promise<Survey | undefined>;
  /** Which of these waiting items have left the target since it was asked for. */
  outOfScope(job: J, items: readonly Item[]): Promise<ReadonlySet<string>>;
  /**
   * Which of these items, whose turn it is, do not go now. Asked right before they would; of one that is aside, to find out
   * whether it is back: it does not go before it was let out again, and is asked about once more then. Undefined: of this
   * job nobody is ever held.
   */
  holds?(job: J, items: readonly Item[]): Promise<ReadonlyMap<string, Hold> | undefined>;
  /** Who fetches some of the items, where somebody does. */
  readonly carrier?: Carrier<J, T>;
  /** What such jobs are to the rules that ask for a second person, where these can. */
  readonly gate?: Gate<J>;
}

/** What a kind of job is to the approval gate. */
export interface Gate<J extends Job = Job> {
  /** What rules call such jobs, and what this one would do. */
  readonly kind: ApprovableKind;
  actionOf(job: J): string;
  /** What whoever decides is shown, beside the count of its targets. */
  shown(
    job: J,
    count: number,
  ): {
    readonly summary: string;
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly target: Readonly<Record<string, unknown>>;
  };
  /** All that is approved, beside the targets: the approval is bound to it. */
  whole(job: J): object;
  /** Why it is not done though it was approved: whoever asked for it may not do it any more. */
  hindrance(
    job: J,
    requester: Caller,
    targetIds: readonly string[],
  ): Promise<JobFailure | undefined>;
}

/** Whoever takes items to the far side in our place, and fetches them here: a relay beside a site. */
export interface Carrier<J extends Job = Job, T extends Target = Target> {
  /** Whether it carries the item. Pure. */
  carries(job: J, item: Item): boolean;
  /** Where it must be told of some targets. Pure. */
  stopsOf(targets: readonly T[]): readonly string[];
  /** The same for items of later, and what becomes of those that nobody fetches any more. */
  findStops(
    job: J,
    items: readonly Item[],
  ): Promise<{
    readonly stops: ReadonlySet<string>;
    readonly lost: ReadonlyMap<string, Transition>;
  }>;
  /** Says at the stops that something waits in a chunk. Too often does no harm. */
  tell(chunk: ChunkIds, stops: Iterable<string>): Promise<void>;
  /** Time after which it is told again: the message may be lost. */
  readonly tellAgainMs: number;
  /** How long after the job's end it may still report, before its silence is the answer. */
  readonly graceMs: number;
  readonly silence: { readonly code: string; readonly detail: string };
  /** What an item was waiting for that nobody fetched, in words. */
  readonly unfetched: string;
}

/** Whether a carrier fetches the item, so that we never ask about it ourselves. */
export const isCarried = ({ carrier }: JobKind, job: Job, item: Item): boolean =>
  carrier?.carries(job, item) ?? false;

/** What a call costs in requests. */
export const costOf = ({ perTarget, targetIds, free }: Call): number => {
  if (free) return 0;
  return perTarget ? targetIds.length : 1;
};

/** What calls cost together. */
export const costOfAll = (calls: readonly Call[]): number =>
  calls.reduce((sum, call) => sum + costOf(call), 0);
