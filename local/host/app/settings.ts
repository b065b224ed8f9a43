/** App settings: `%Name%` references and connections by name. Pure; the environment is an argument. */

type Env = Readonly<Record<string, string | undefined>>;

/** Replaces every `%Name%` by that app setting. @throws When a setting is missing. */
export function resolveSettings(text: string, env: Env): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = env[name];
    if (value === undefined) throw new Error(`'%${name}%' does not resolve to a value`);
    return value;
  });
}

/**
 * The connection string that a binding's `connection` names; none means the host's own storage.
 * @throws When nothing is there, or an identity connection, which this host does not support.
 */
export function connectionString(env: Env, name = "AzureWebJobsStorage"): string {
  for (const key of [`AzureWebJobs${name}`, name, `ConnectionStrings:${name}`]) {
    const value = env[key];
    if (value) return value;
  }
  if (Object.keys(env).some((key) => key.startsWith(`${name}__`))) {
    throw new Error(`connection '${name}' uses an identity; here it has to be a connection string`);
  }
  throw new Error(`connection '${name}' has no value in the app settings`);
}

/** Whether a function is switched off by `AzureWebJobs.<Name>.Disabled`. */
export const isDisabled = (env: Env, functionName: string): boolean =>
  /^(true|1)$/i.test(env[`AzureWebJobs.${functionName}.Disabled`] ?? "");

/**
 * The time zone of schedules: `WEBSITE_TIME_ZONE`, else what `TZ` of the process says, else UTC, as in Azure.
 * @throws When `WEBSITE_TIME_ZONE` names none by its IANA name.
 */
export function timeZoneOf(env: Env): string {
  const { WEBSITE_TIME_ZONE: chosen, TZ: machine } = env;
  if (chosen && !isTimeZone(chosen))
    throw new Error(`WEBSITE_TIME_ZONE '${chosen}' is not a time zone by its IANA name`);
  // What else TZ may be, such as a path, .NET takes for UTC.
  return chosen || (machine && isTimeZone(machine) ? machine : "UTC");
}

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}
