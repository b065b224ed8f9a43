/** Doing many things a few at a time. */

/**
 * Runs `work` on every item, at most `limit` at once, and answers in the order of the items.
 * The first error is thrown after what had already begun has ended: nothing runs on unobserved.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (errors.length === 0 && next < items.length) {
      const index = next;
      next += 1;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  const workers = Array.from({ length: Math.min(limit, items.length) }, worker);
  await Promise.all(workers);
  if (errors.length > 0) throw errors[0];
  return results;
}

/**
 * For what has nothing to do with each other: one that fails keeps nobody from the others, and what was wrong is thrown at
 * the end, each error with the name of what it was about.
 */
export function apart(what: string) {
  const errors: Error[] = [];
  return {
    /** Runs one; where it fails, answers `otherwise`. */
    async run<T>(name: string, work: () => Promise<T>, otherwise: T): Promise<T> {
      try {
        return await work();
      } catch (cause) {
        errors.push(new Error(name, { cause }));
        return otherwise;
      }
    },
    /** @throws AggregateError where any has failed. */
    end(): void {
      if (errors.length > 0) throw new AggregateError(errors, what);
    },
  };
}

/** Lets at most so many works run at once; the others wait for their turn. */
export function atMost(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

/** Cuts a list into consecutive parts of at most `size`. */
export function inChunks<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}
