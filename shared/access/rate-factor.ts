/** The table of request rates, times a factor of the installation's own. Pure. */
import { type Rate, type RateClass, rates } from "./rate-limit.ts";

/** The rates of every account, each burst at least one request. */
export const ratesTimes = (factor: number): typeof rates => {
  const times = ({ burst, perSecond }: Rate): Rate => ({
    burst: Math.max(1, burst * factor),
    perSecond: perSecond * factor,
  });
  const both = ({ read, write }: Readonly<Record<RateClass, Rate>>) => ({
    read: times(read),
    write: times(write),
  });
  return {
    caller: both(rates.caller),
    tenant: both(rates.tenant),
    address: both(rates.address),
    stranger: both(rates.stranger),
    strangers: both(rates.strangers),
  };
};
