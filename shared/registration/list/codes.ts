/**
 * Everything that can be wrong with a device list, by its code: what the service would have said to it, and how it can be
 * repaired. Codes are part of the API: docs/registration.md explains each.
 */

/** Repairs that are made when they are asked for by name. Whatever else can be repaired, a person has to. */
export const repairNames = ["encoding", "padding", "trailingCommas", "headerCase"] as const;
export type RepairName = (typeof repairNames)[number];

type Meaning = {
  /** What the portal or the API would have answered, as far as it is known. */
  readonly service?: string;
  /** How it is repaired without guessing; absent where what was lost is nowhere in the file. */
  readonly repair?: string;
  /** The repair that does so. */
  readonly by?: RepairName;
};

const badHeader: Meaning = { service: "The portal refuses the file: incorrect header." };
const badHash = "HTTP 400, cannot convert to Edm.Binary; or 802 InvalidZtdHardwareHash";
const otherFile: Meaning = { service: "The portal refuses the file: incorrect header." };
const toAnsi: Meaning = {
  service: "The portal refuses the file (incorrect header), or its Import button does nothing.",
  repair: "Write the file as ANSI without a byte order mark.",
  by: "encoding",
};

const table = {
  E_ENC_UTF8_BOM: toAnsi,
  E_ENC_UTF16: toAnsi,
  E_ENC_UTF8: toAnsi,
  W_NON_ASCII: {},
  W_DOS_EOF: { repair: "Remove the last byte." },
  E_EOL_CR: { ...badHeader, repair: "End lines with CR LF." },
  E_LINE_LENGTH: {},
  E_LINE_LIMIT: { service: "The portal refuses the file.", repair: "Split the file." },
  E_CONTROL_CHAR: {},
  E_QUOTES: {
    service: "The portal refuses the file.",
    repair: "Remove the quotation marks, if no value has a comma or a quotation mark inside.",
  },
  E_DELIMITER: { ...badHeader, repair: "Separate values by commas." },
  E_FORMAT_DEVICELINK: otherFile,
  E_FORMAT_CORPORATE_IDENTIFIER: otherFile,
  E_FORMAT_MMD_SELFSERVICE: otherFile,
  E_FORMAT_ENDPOINT_ANALYTICS: otherFile,
  E_FORMAT_DEVICE_EXPORT: otherFile,
  E_HEADER_PREAMBLE: { ...badHeader, repair: "Remove everything before the header line." },
  E_HEADER_MISSING: badHeader,
  E_HEADER_CASE: {
    ...badHeader,
    repair: "Rewrite the header line with the exact names.",
    by: "headerCase",
  },
  W_HEADER_OLD_CASING: {
    repair: "Rewrite the header line with the exact names.",
    by: "headerCase",
  },
  E_HEADER_ORDER: { ...badHeader, repair: "Reorder the columns by their names." },
  E_HEADER_EXTRA_COLUMN: { ...badHeader, repair: "Drop the column." },
  E_NO_ROWS: { service: "The portal refuses the file." },
  E_ROW_LIMIT: { service: "The portal refuses the file.", repair: "Split the file." },
  W_BLANK_LINE: { repair: "Remove the line." },
  E_FIELD_COUNT: { service: "The portal refuses the file." },
  W_TRIMMED: { repair: "Remove the spaces around the value." },
  E_FORMULA: {},
  E_SERIAL_MISSING: {
    service: "803 MissingZtdSerialNumberAndProductKey, or accepted by the hash.",
  },
  E_SERIAL_CHARS: {},
  E_SERIAL_SCIENTIFIC: {
    service: "Accepted with a wrong serial number, or 812 ZtdDeviceNotFound.",
  },
  W_SERIAL_PLACEHOLDER: { service: "Accepted; such devices cannot be told apart." },
  W_SERIAL_HASH_MISMATCH: { service: "Accepted with the serial number of the hash." },
  E_DUP_SERIAL: { service: "Accepted, or 806 ZtdDeviceAlreadyAssigned." },
  E_DUP_PKID: { service: "Accepted, or 806 ZtdDeviceAlreadyAssigned." },
  E_PKID_FORMAT: { service: "803 MissingZtdSerialNumberAndProductKey" },
  E_HASH_MISSING: { service: "The portal refuses the file." },
  E_HASH_BASE64: { service: badHash },
  E_HASH_PADDING: {
    service: badHash,
    repair: "Add the padding that the device left out; the identity stays the same.",
    by: "padding",
  },
  E_HASH_LENGTH: { service: "802 InvalidZtdHardwareHash, or HashNot4k" },
  W_HASH_HEADER: { service: "802 InvalidZtdHardwareHash" },
  E_DUP_HASH: { service: "ZtdDeviceDuplicated: one of the two is processed." },
  E_IDENTITY_INCOMPLETE: { service: "HTTP 400, or 803 MissingZtdSerialNumberAndProductKey" },
  E_TAG_CASE: {
    service: "Accepted, but no profile is ever assigned.",
    repair: "Write the tag exactly as it is named.",
  },
  E_TAG_UNSUPPORTED: { service: "Accepted, but no profile is ever assigned." },
  W_TAG_CONTESTED: {},
  E_TAG_LENGTH: {},
  W_TAG_LENGTH: {},
  E_UPN_FORMAT: { service: "The portal refuses the user: its domain is not one of the tenant's." },
} as const satisfies Record<string, Meaning>;

/** Stable name of a fault. `E_` refuses the row, or the file where no row is named; `W_` does not. */
export type FindingCode = keyof typeof table;

/** Where something was found. A row counts devices, a line counts lines; null: in the file as a whole. */
export type Place = {
  readonly row: number | null;
  readonly line: number | null;
  readonly column: string | null;
};

/** One thing that is wrong with a list. */
export type Finding = Place & {
  readonly severity: "error" | "warning";
  readonly code: FindingCode;
  readonly reason: string;
  readonly serviceError?: string;
  readonly repairable: boolean;
  /** How it is repaired. */
  readonly repair?: string;
  /** The name to ask the repair for by; absent where a person has to do it. */
  readonly repairBy?: RepairName;
};

/** Notes something that is wrong. `own` says what the code alone cannot: that this one can be repaired, and how. */
export type Note = (code: FindingCode, place: Place, reason: string, own?: Own) => void;
type Own = { readonly repair: string; readonly by?: RepairName };

/** A finding with all that its code says. */
export function findingOf(code: FindingCode, place: Place, reason: string, own?: Own): Finding {
  const meaning: Meaning = table[code];
  const { repair, by } = own ?? meaning;
  return {
    severity: code.startsWith("E_") ? "error" : "warning",
    code,
    ...place,
    reason,
    ...(meaning.service === undefined ? {} : { serviceError: meaning.service }),
    repairable: repair !== undefined,
    ...(repair === undefined ? {} : { repair }),
    ...(by === undefined ? {} : { repairBy: by }),
  };
}
