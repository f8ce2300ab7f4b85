import type { DescMethod } from "@bufbuild/protobuf";
import { AccessService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect } from "vitest";
import type { RuntimePlaneRig } from "../runtime-plane-rig.ts";

/** What a program has none of: an account, sessions, a profile. */
const OF_PEOPLE =
  /^(GetProfile|UpdateProfile|ListOwnSessions|EndOwnSession|EndOtherSessions|ListOwnTokens|RevokeOwnToken)$/;

/** Whether a method is about the account of its caller, so that only a person gets further than the door. */
export const isOfPeople = ({ parent, name }: DescMethod): boolean =>
  parent.typeName === AccessService.typeName && OF_PEOPLE.test(name);

/** Who that is. */
export const EMAIL = "admin@lormas.test";
const FIRST = "a long enough password";
export const OWN_PASSWORD = "another one, long enough";

/** Signs the rig's administrator in as a person, with a password of his own; what a browser sends along from then on. */
export async function signedInPerson({ plane }: RuntimePlaneRig): Promise<Record<string, string>> {
  const post = async (path: string, body: object, cookie: Record<string, string> = {}) => {
    const answer = await fetch(`${plane.url}/api/auth/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: plane.url, ...cookie },
      body: JSON.stringify(body),
    });
    expect(answer.status, await answer.text()).toBe(200);
    return answer.headers.getSetCookie().map((one) => one.split(";", 1)[0] ?? "");
  };
  const [first = ""] = await post("sign-in/email", { email: EMAIL, password: FIRST });
  await post("change-password", { currentPassword: FIRST, newPassword: OWN_PASSWORD }, { cookie: first });
  const [cookie = ""] = await post("sign-in/email", { email: EMAIL, password: OWN_PASSWORD });
  return { cookie, origin: plane.url };
}
