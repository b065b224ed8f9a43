/**
 * Group tags, by which devices get their deployment profile: lists of them as data, and what is wrong with a tag. Tags are
 * compared exactly: the service takes one in the wrong case, and no profile is ever assigned.
 */
import type { FindingCode } from "./codes.ts";

type TagList = {
  /** Tags that begin so, in any case, are of this list and no other. */
  readonly prefix: string;
  readonly profiles: readonly {
    readonly profile: string;
    /** Its name in French, as the page has it. */
    readonly fr: string;
    readonly standard: string;
    /** For shared devices; absent where the profile does not support them. */
    readonly shared?: string;
  }[];
  /** Tags that one of Microsoft's pages lists and another leaves out. */
  readonly contested: readonly string[];
};

/** Microsoft Managed Desktop, by the table of its page about registration by partners. */
const managedDesktop: TagList = {
  prefix: "Microsoft365Managed_",
  profiles: [
    {
      profile: "Sensitive data",
      fr: "Données sensibles",
      standard: "Microsoft365Managed_SensitiveData",
      shared: "Microsoft365Managed_SensitiveData-Shared",
    },
    {
      profile: "Power user",
      fr: "Utilisateur d’alimentation",
      standard: "Microsoft365Managed_PowerUser",
    },
    {
      profile: "Standard",
      fr: "Standard",
      standard: "Microsoft365Managed_Standard",
      shared: "Microsoft365Managed_Standard-Shared",
    },
    {
      profile: "Kiosk",
      fr: "Kiosque",
      standard: "Microsoft365Managed_Kiosk",
      shared: "Microsoft365Managed_Kiosk-Shared",
    },
  ],
  contested: ["Microsoft365Managed_Kiosk-Shared"],
};

const maxTagChars = 512;
const longTagChars = 64;

const listed = new Map(
  managedDesktop.profiles.flatMap(({ profile, standard, shared }) =>
    [standard, ...(shared === undefined ? [] : [shared])].map(
      (tag) => [tag.toLowerCase(), { tag, profile }] as const,
    ),
  ),
);
const unsupported = new Map(
  managedDesktop.profiles
    .filter(({ shared }) => shared === undefined)
    .map(({ standard, profile }) => [`${standard}-Shared`.toLowerCase(), profile]),
);
const prefix = managedDesktop.prefix.toLowerCase();
const all = [...listed.values()].map(({ tag }) => tag).join(", ");

/** The preset, for whoever wants to see it. */
export const presetTags: readonly string[] = [...listed.values()].map(({ tag }) => tag);

/** The page's table: what a device profile is called, and its tags. */
export const presetProfiles = managedDesktop.profiles.map(({ profile, fr, ...tags }) => ({
  names: { en: profile, fr },
  ...tags,
}));

/** What is wrong with a tag, by whoever's list of their `own` too, which goes before any preset; undefined: nothing. */
export function faultOfTag(
  tag: string,
  own: readonly string[] = [],
): { readonly code: FindingCode; readonly reason: string } | undefined {
  const folded = tag.toLowerCase();
  const meant = own.find((each) => each.toLowerCase() === folded);
  if (meant === tag) return undefined;
  if (meant !== undefined) return { code: "E_TAG_CASE", reason: otherCase(meant) };
  if (folded.startsWith(prefix)) return faultOfListed(tag, folded);
  if (tag.length > maxTagChars)
    return { code: "E_TAG_LENGTH", reason: `The tag has more than ${maxTagChars} characters.` };
  if (tag.length > longTagChars)
    return {
      code: "W_TAG_LENGTH",
      reason: `The tag has ${tag.length} characters; no limit is documented, other tools stop at ${longTagChars}.`,
    };
  return undefined;
}

const otherCase = (meant: string): string =>
  `The tag differs only in capitals from ${meant}, which is meant exactly.`;

function faultOfListed(tag: string, folded: string): ReturnType<typeof faultOfTag> {
  const found = listed.get(folded);
  if (found === undefined) {
    const profile = unsupported.get(folded);
    const reason =
      profile === undefined
        ? `Microsoft Managed Desktop has no such tag. Its tags are ${all}.`
        : `The profile "${profile}" does not support shared devices.`;
    return { code: "E_TAG_UNSUPPORTED", reason };
  }
  if (found.tag !== tag)
    return {
      code: "E_TAG_CASE",
      reason: otherCase(found.tag),
    };
  return managedDesktop.contested.includes(tag)
    ? {
        code: "W_TAG_CONTESTED",
        reason: `Microsoft's page about the profile "${found.profile}" does not list this tag; the page for partners does.`,
      }
    : undefined;
}
