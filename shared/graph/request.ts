/** A request to Graph, as rooms above put it together. */

/** Which of Graph's two versions. */
export type GraphVersion = "v1.0" | "beta";

/** One request; `path` starts with `/` and is relative to the version. */
export type GraphRequest = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
};
