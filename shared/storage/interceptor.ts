/**
 * The one seam around every call that leaves this process: tests count, delay, break or cut calls
 * here, in the real clients, instead of replacing those clients with pretences.
 */

/** Runs a call that leaves the process; `operation` names it, such as `table.transact Deliveries`. */
export type Interceptor = <T>(operation: string, call: () => Promise<T>) => Promise<T>;

/** What production uses: just the call. */
export const passThrough: Interceptor = (_operation, call) => call();
