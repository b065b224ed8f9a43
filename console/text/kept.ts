/** What is remembered on this machine; whoever shows it is told when it changes. */

/** Those who are told of something. */
export function listening() {
  const listeners = new Set<() => void>();
  return {
    subscribe: (changed: () => void): (() => void) => {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    tell: (): void => {
      for (const changed of listeners) changed();
    },
  };
}

/** A text that the browser keeps under a key. */
export function kept(key: string) {
  const { subscribe, tell } = listening();
  return {
    subscribe,
    get: (): string | undefined => localStorage.getItem(key) ?? undefined,
    set: (text: string): void => {
      localStorage.setItem(key, text);
      tell();
    },
  };
}
