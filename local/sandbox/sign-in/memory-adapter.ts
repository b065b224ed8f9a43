/**
 * Where a provider keeps what outlives a request, apart from signed tokens. In memory, one store per
 * provider, so that no tenant can see another one's.
 */

type Payload = Readonly<Record<string, unknown>>;
type Entry = { readonly payload: Payload; readonly until: number };

/** How long what has expired stays known as expired, instead of as never heard of. */
const graceSeconds = 3_600;

/** A browser is not remembered: whoever signs in next may want to be somebody else. */
const neverKept = "Session";

/** Makes the adapter factory of one provider: it is called once for each kind of thing. */
export function memoryAdapter(): (kind: string) => object {
  const entries = new Map<string, Entry>();
  return (kind) => {
    const key = (id: string): string => `${kind}/${id}`;
    const find = (matches: (payload: Payload) => boolean): Payload | undefined =>
      [...entries]
        .filter(([name, { until }]) => name.startsWith(`${kind}/`) && until > Date.now())
        .map(([, { payload }]) => payload)
        .find(matches);
    return {
      upsert: async (id: string, payload: Payload, expiresInSeconds?: number) => {
        if (kind === neverKept) return;
        removeOld(entries);
        const seconds = (expiresInSeconds ?? Number.POSITIVE_INFINITY) + graceSeconds;
        entries.set(key(id), { payload, until: Date.now() + seconds * 1000 });
      },
      find: async (id: string) => {
        const entry = entries.get(key(id));
        return entry !== undefined && entry.until > Date.now() ? entry.payload : undefined;
      },
      findByUid: async (uid: string) => find((payload) => payload["uid"] === uid),
      findByUserCode: async (code: string) => find((payload) => payload["userCode"] === code),
      consume: async (id: string) => {
        const entry = entries.get(key(id));
        if (entry === undefined) return;
        const consumed = Math.floor(Date.now() / 1000);
        entries.set(key(id), { ...entry, payload: { ...entry.payload, consumed } });
      },
      destroy: async (id: string) => {
        entries.delete(key(id));
      },
      revokeByGrantId: async (grantId: string) => {
        for (const [name, { payload }] of entries) {
          if (payload["grantId"] === grantId) entries.delete(name);
        }
      },
    };
  };
}

/** The oldest come first; one that lasts holds up the others, which does no harm. */
function removeOld(entries: Map<string, Entry>): void {
  for (const [name, { until }] of entries) {
    if (until > Date.now()) return;
    entries.delete(name);
  }
}
