/**
 * What a screen is: an address, a name, who may see it, and a component that is loaded when somebody goes there.
 * Addresses and their parameters are an interface: they stand in tickets and bookmarks, and are not renamed.
 */
import type { FluentIcon } from "@fluentui/react-icons";
import { useParams, useRouter, useSearch } from "@tanstack/react-router";
import type { ComponentType } from "react";
import type { Permission } from "../../shared/access/roles/roles.ts";
import type { Names } from "../text/language.ts";

/** Parts of the navigation, in their order. */
export const navSections = ["home", "tenant", "distribution", "partner", "administration"] as const;

/** Turns what an address says of one parameter into what the screen works with; undefined for nothing of use. */
type Reader = (given: string) => string | undefined;

/** Search parameters by name. All are texts and all may be absent: an address with fewer of them means the default. */
type Fields = Readonly<Record<string, Reader>>;
type SearchOf<F extends Fields> = {
  readonly [Name in keyof F]?: Exclude<ReturnType<F[Name]>, undefined>;
};

/** Any text. */
export const text: Reader = (given) => (given === "" ? undefined : given);

/** One of these words. */
export const oneOf =
  <const Word extends string>(...words: readonly Word[]) =>
  (given: string): Word | undefined =>
    words.find((word) => word === given);

type ParamName<Path extends string> = Path extends `${string}$${infer Name}/${infer Rest}`
  ? Name | ParamName<Rest>
  : Path extends `${string}$${infer Name}`
    ? Name
    : never;
type ParamsOf<Path extends string> = Readonly<Record<ParamName<Path>, string>>;

/** How a screen is declared. */
type Declared<Path extends string, F extends Fields> = {
  /** Below `/console`, as `/tenants/$tenantId/devices`. */
  readonly path: Path;
  readonly title: Names;
  /** Without it nobody sees more than who to ask; of the tenant in the path, where there is one. */
  readonly permission?: Permission;
  /** Where it stands in the navigation. Screens of a tenant stand there while one is chosen. */
  readonly nav?: { readonly section: (typeof navSections)[number]; readonly icon: FluentIcon };
  readonly search?: F;
  /** What shows or does the same from a terminal, behind `npm run muster --`; by what the address says. */
  readonly command?: (said: Readonly<Record<string, string>>) => string;
  /** The page, in a chunk of its own. */
  readonly load: () => Promise<{ readonly Page: ComponentType }>;
};

/** A screen, whatever its parameters are. */
export type Screen = Declared<string, Fields>;

function useChange(): (change: object, replace?: boolean) => void {
  const router = useRouter();
  return (change, replace = false) => {
    const search = (before: object) => ({ ...before, ...change });
    void router.navigate({ to: ".", search, replace } as never);
  };
}

/** Declares a screen; the hooks read and change what its address says, and are typed by it. */
export function screen<const Path extends string, const F extends Fields>(
  declared: Declared<Path, F>,
) {
  type Search = SearchOf<F>;
  type Change = (
    change: { readonly [Name in keyof F]?: Search[Name] | undefined },
    replace?: boolean,
  ) => void;
  const useOwnSearch = (): Search => useSearch({ strict: false }) as Search;
  const useChangeSearch: () => Change = useChange;
  return {
    ...declared,
    useParams: (): ParamsOf<Path> => useParams({ strict: false }),
    useSearch: useOwnSearch,
    /** Changes some parameters; undefined takes one out. Replaces the address where going back should skip it. */
    useChangeSearch,
    /**
     * Filters of a list: `of` a name, what a field takes; `all` of them, what `Filters` takes. `also`: what changes with any.
     */
    useFilters: (names: readonly (keyof F)[], also: object = {}) => {
      const said = useOwnSearch();
      const change = useChange();
      const none = Object.fromEntries(names.map((name) => [name, undefined]));
      return {
        all: {
          isFiltered: names.some((name) => said[name] !== undefined),
          onClear: () => change({ ...also, ...none }, true),
        },
        of: <Name extends keyof F>(name: Name) => ({
          value: said[name],
          onChange: (value: Search[Name] | undefined) => change({ ...also, [name]: value }, true),
        }),
      };
    },
    /** Both, as React's states have them. */
    useSearchState: (): readonly [Search, Change] => [useOwnSearch(), useChangeSearch()],
    /** What a `Go` takes to lead here. */
    at: (
      ...[params, search]: ParamName<Path> extends never
        ? [undefined?, Search?]
        : [ParamsOf<Path>, Search?]
    ) => ({
      to: declared.path,
      params: params as Readonly<Record<string, string>> | undefined,
      search: search as Readonly<Record<string, string>> | undefined,
    }),
  };
}

/** A place inside the console. */
export type Place = ReturnType<ReturnType<typeof screen>["at"]>;

/** What a screen takes of an address; the rest is left out. */
export function searchIn(
  fields: Fields,
  given: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const read: Record<string, string> = {};
  for (const [name, reader] of Object.entries(fields)) {
    const value = typeof given[name] === "string" ? reader(given[name]) : undefined;
    if (value !== undefined) read[name] = value;
  }
  return read;
}
