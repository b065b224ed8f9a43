/** Keeps a part of Muster running: starts it again whenever it ends without being told to. */

/** A part that runs in a process of its own. */
export type Part = {
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Ends that come faster than this, this often in a row, mean that starting again is no help. */
const quickMs = 10_000;
const maxQuickEnds = 3;

/**
 * Starts a part and starts it again, told what ran before, whenever it ends by itself.
 * @param onLost Is called once when the part cannot be kept running.
 * @returns The first one started, and what stops the present one for good.
 */
export async function keepRunning<P extends Part>(
  start: (previous?: P) => Promise<P>,
  onLost: (cause: Error) => void,
): Promise<{ readonly first: P; readonly stop: () => Promise<void> }> {
  let stopping = false;
  const first = await start();
  let current = first;
  const watch = async (): Promise<void> => {
    let quick = 0;
    for (;;) {
      const begun = performance.now();
      await current.ended;
      if (stopping) return;
      quick = performance.now() - begun < quickMs ? quick + 1 : 0;
      if (quick === maxQuickEnds) throw new Error(`it ended ${maxQuickEnds} times in a row`);
      current = await start(current);
      if (stopping) return current.stop();
    }
  };
  const watching = watch().catch(onLost);
  const stop = async (): Promise<void> => {
    stopping = true;
    await current.stop();
    await watching;
  };
  return { first, stop };
}
