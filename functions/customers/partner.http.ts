/** The partner itself: how it stands, and signing its account in for Partner Center. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import type { PartnerAccount } from "../../shared/registration/partner/account.ts";
import {
  type Customers,
  PartnerView,
  SignInRequest,
  SignInView,
} from "../../shared/registration/partner/customers.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly customers: Customers; readonly partnerAccount: PartnerAccount };

export const getPartnerFunction = onHttp(
  operation({
    name: "partner-get",
    method: "GET",
    path: "api/v1/partner",
    summary: "Which kind of partner this is, and who is signed in for Partner Center",
    tag: "Customers",
    answers: { 200: { description: "The partner", body: PartnerView } },
  }),
  async (_, { services }: Tools<Needs>) => succeed(ok(await services.customers.partner())),
);

export const signPartnerInFunction = onHttp(
  operation({
    name: "partner-sign-in",
    method: "POST",
    path: "api/v1/partner/sign-in",
    summary:
      "Sign an account in for Partner Center by device code; with signInId ask how that stands",
    tag: "Customers",
    body: SignInRequest,
    answers: { 200: { description: "How the sign-in stands", body: SignInView } },
  }),
  async ({ body: { signInId } }, tools: Tools<Needs>) => {
    const { caller } = signedInOf(tools);
    const answer = await tools.services.partnerAccount.signIn(signInId, caller.oid);
    if (!answer.ok) return answer;
    const { state } = answer.value;
    signedInOf(tools).note({ object: "partner", after: { state } });
    return succeed(ok(answer.value));
  },
);
