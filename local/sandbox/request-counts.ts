/** How many Graph requests came in, by kind and by answer, for benchmarks. */

/** Counts since the start or the last reset. Batch parts are counted as `$batch part: ...` kinds. */
export type RequestCounts = {
  readonly count: (kind: string, status: number) => void;
  readonly read: () => {
    readonly total: number;
    readonly parts: number;
    readonly byKind: Readonly<Record<string, number>>;
    readonly byStatus: Readonly<Record<string, number>>;
  };
  readonly reset: () => void;
};

/** What a kind of a batch part starts with. */
export const partPrefix = "$batch part: ";

/** Counts that all stand at 0. */
export function requestCounts(): RequestCounts {
  const byKind = new Map<string, number>();
  const byStatus = new Map<number, number>();
  const sum = (parts: boolean): number =>
    [...byKind].reduce(
      (all, [kind, n]) => (kind.startsWith(partPrefix) === parts ? all + n : all),
      0,
    );
  return {
    count: (kind, status) => {
      raise(byKind, kind);
      raise(byStatus, status);
    },
    read: () => ({
      total: sum(false),
      parts: sum(true),
      byKind: Object.fromEntries(byKind),
      byStatus: Object.fromEntries(byStatus),
    }),
    reset: () => {
      byKind.clear();
      byStatus.clear();
    },
  };
}

function raise<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
