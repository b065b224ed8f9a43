/** What states, reasons, roles and the like are called: the API says it, in the language now. */
import type { Answered } from "../../clients/api.ts";
import { useFormat } from "../text/format.ts";
import { useRead } from "./read.ts";

type Names = Extract<Answered<"GET /api/v1/names">, { readonly status: 200 }>["body"];

/** Names an id of some kind; where nobody has named it, it is its own name. */
export function useNames(): (kind: keyof Names, id: string) => string {
  const { body } = useRead("GET /api/v1/names", {});
  const { name } = useFormat();
  return (kind, id) => {
    const names = body?.[kind][id];
    return names === undefined ? id : name(names);
  };
}
