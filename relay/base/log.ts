/** One line of JSON for each event: a verb, and the ids it is about. Never a token, a script or a query. */

/** Writes an event. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Writes events to standard output. */
export const lineLog: Log = (event, fields = {}) => {
  console.log(JSON.stringify({ at: new Date().toISOString(), event, ...fields }));
};
