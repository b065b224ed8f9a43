/** The inline constraints of ASP.NET Core routes, as predicates over a path value. */

type Constraint = (value: string) => boolean;

const integer = (value: string): boolean => /^[+-]?\d+$/.test(value);
const within = (value: string, bits: bigint): boolean =>
  integer(value) &&
  BigInt(value.replace("+", "")) >= -(2n ** (bits - 1n)) &&
  BigInt(value.replace("+", "")) < 2n ** (bits - 1n);
const decimal: Constraint = (value) =>
  /^[+-]?(\d{1,3}(,\d{3})+|\d*)(\.\d+)?$/.test(value) && /\d/.test(value);
const real: Constraint = (value) => /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(value);

const plain: Readonly<Record<string, Constraint>> = {
  int: (value) => within(value, 32n),
  long: (value) => within(value, 64n),
  bool: (value) => /^(true|false)$/i.test(value),
  datetime: (value) => !Number.isNaN(Date.parse(value)),
  decimal,
  double: real,
  float: real,
  guid: (value) => /^[{(]?[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}[)}]?$/i.test(value),
  alpha: (value) => /^[a-z]*$/i.test(value),
  required: (value) => value !== "",
  file: (value) => /\.[^/.]+$/.test(value),
  nonfile: (value) => !/\.[^/.]+$/.test(value),
};

const sized: Readonly<Record<string, (first: number, second: number) => Constraint>> = {
  minlength: (least) => (value) => value.length >= least,
  maxlength: (most) => (value) => value.length <= most,
  length: (least, most) => (value) => value.length >= least && value.length <= most,
  min: (least) => (value) => integer(value) && Number(value) >= least,
  max: (most) => (value) => integer(value) && Number(value) <= most,
  range: (least, most) => (value) =>
    integer(value) && Number(value) >= least && Number(value) <= most,
};

/** The predicate that `name(argument)` stands for. @throws When there is no such constraint. */
export function constraint(name: string, argument: string | undefined): Constraint {
  const key = name.toLowerCase();
  if (key === "regex" && argument !== undefined) {
    const pattern = new RegExp(argument, "i");
    return (value) => pattern.test(value);
  }
  const simple = plain[key];
  if (simple && argument === undefined) return simple;
  const [first, second = first] = (argument ?? "").split(",").map(Number);
  const make = sized[key];
  if (make && argument?.trim() && !Number.isNaN(first) && !Number.isNaN(second)) {
    return make(first ?? 0, second ?? 0);
  }
  throw new Error(
    `the constraint '${name}${argument === undefined ? "" : `(${argument})`}' is unknown`,
  );
}
