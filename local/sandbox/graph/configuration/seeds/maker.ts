/** What seeds are made with: ids that follow from the tenant and a name, and one moment of the past. */
import { seedOf } from "../../../fleet/chance.ts";
import { guidFamily } from "../../../fleet/guids.ts";
import type { Tenant } from "../../../fleet/tenants.ts";
import type { Body } from "../types.ts";

/** The seeds of a tenant by the keys of their types. */
export type Seeds = Readonly<Record<string, readonly Body[]>>;

/** What a seed may ask. */
export type Maker = {
  readonly tenant: Tenant;
  /** The id of what is called so in this tenant. */
  readonly id: (name: string) => string;
  /** When everything was made: half a year before the tenant was. */
  readonly at: string;
};

/** The maker of a tenant's seeds. */
export const makerOf = (tenant: Tenant): Maker => ({
  tenant,
  id: (name) => guidFamily(seedOf(`${tenant.id}/${name}`)).at(0),
  at: new Date(tenant.fleet.createdAt - 180 * 86_400_000).toISOString().replace(/\.\d+Z/, "Z"),
});
