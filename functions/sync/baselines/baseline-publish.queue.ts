/**
 * Carries a publication of a baseline out for some tenants.
 *
 * Delivery: at least once. A duplicate finds what is wanted as it is, and a sync of the same id; or nothing queued.
 */
import { queueNames } from "../../../shared/storage/names.ts";
import {
  PublishMessage,
  type PublishParts,
  publishTo,
} from "../../../shared/sync/baselines/publish.ts";
import { onQueue, type Tools } from "../../define.ts";

type Needs = { readonly publishing: PublishParts };

export const publishBaselineToFunction = onQueue({
  name: queueNames.baselinePublish,
  message: PublishMessage,
  async handle(message, { services, log }: Tools<Needs>) {
    await publishTo(services.publishing, message);
    const { baselineId, publishId, tenantIds } = message;
    log("baseline.publish", { baselineId, publishId, tenants: tenantIds.length });
    return { kind: "ack" };
  },
});
