import { base32 } from "@better-auth/utils/base32";
import { createOTP } from "@better-auth/utils/otp";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AccessService, AuditService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect } from "vitest";
import type { PublicPlaneRig } from "../api/public-plane-rig.ts";
import { systemClock } from "../runtime/system-clock.ts";

/** The password of everybody whom testPeople() makes. */
export const OWN = "a password of my own";
const STEP_MS = 30_000;

/** Somebody with a second factor: the app's otpauth:// address, the recovery codes, and the cookie of an open session. */
export type SetUp = { readonly uri: string; readonly recovery: string[]; readonly session: string };

/** People of a public plane who sign in with password and second factor, and what calls for them. For tests. */
export function testPeople(rig: () => PublicPlaneRig) {
  const transport = (headers: Record<string, string>) =>
    createConnectTransport({
      baseUrl: rig().plane.url,
      httpVersion: "1.1",
      interceptors: [
        (next) => (request) => {
          for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
          return next(request);
        },
      ],
    });
  const bearer = () => transport({ authorization: `Bearer ${rig().token}` });
  const admin = () => createClient(AccessService, bearer());
  const audit = () => createClient(AuditService, bearer());
  const me = (cookie: string) => createClient(AccessService, transport({ cookie }));
  /** A POST to a path under /api/auth; a string is sent as it is. */
  const post = (path: string, body: unknown, cookie = "") =>
    fetch(`${rig().plane.url}/api/auth/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: rig().plane.url, ...(cookie === "" ? {} : { cookie }) },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const signIn = (email: string, password = OWN) => post("sign-in/email", { email, password });
  /** Somebody with a password of his own; the cookie of his session. */
  const person = async (email: string, role = "viewer"): Promise<string> => {
    const { password } = await admin().createUser({ email, name: "Somebody", role });
    const signedIn = await signIn(email, password);
    expect(signedIn.status, await signedIn.clone().text()).toBe(200);
    const session = sessionOf(signedIn);
    expect((await post("change-password", { currentPassword: password, newPassword: OWN }, session)).status).toBe(200);
    return session;
  };
  /** Somebody with a second factor, confirmed with the code of now: the next one is right as well, and longer than any other. */
  const withSecondFactor = async (email: string): Promise<SetUp> => {
    const session = await person(email);
    const answer = await post("two-factor/enable", { password: OWN }, session);
    expect(answer.status).toBe(200);
    const { totpURI: uri, backupCodes: recovery } = (await answer.json()) as { totpURI: string; backupCodes: string[] };
    const confirmed = await post("two-factor/verify-totp", { code: await codeOf(uri) }, session);
    expect(confirmed.status, await confirmed.clone().text()).toBe(200);
    return { uri, recovery, session: sessionOf(confirmed) };
  };
  /** The rows of an SQL statement. */
  const run = <T extends object>(sql: string, parameters: unknown[] = []): Promise<T[]> =>
    rig().database.database.orm.em.fork().execute<T[]>(sql, parameters);
  return { transport, admin, audit, me, post, signIn, person, withSecondFactor, run };
}

/** The cookie of a name that an answer sets, "name=value"; empty when it sets none. */
export const cookieOf = (answer: Response, name: string) =>
  answer.headers
    .getSetCookie()
    .map((line) => line.split(";", 1)[0] ?? "")
    .find((pair) => pair.startsWith(`${name}=`) && !pair.endsWith("=")) ?? "";
export const sessionOf = (answer: Response) => cookieOf(answer, "lormas.session_token");
export const challengeOf = (answer: Response) => cookieOf(answer, "lormas.two_factor");

/** What an app shows: the code of now, or of the step before or after, which are right at the same time. */
export const codeOf = (uri: string, step: -1 | 0 | 1 = 0): Promise<string> => {
  const secret = new URL(uri).searchParams.get("secret") ?? "";
  const key = new TextDecoder().decode(base32.decode(secret));
  return createOTP(key, { digits: 6, period: 30 }).hotp(Math.floor(systemClock.wallMs() / STEP_MS) + step);
};
/** A code that is right neither now nor a step before or after. */
export const wrongCode = async (uri: string): Promise<string> => {
  const right = await Promise.all(([-1, 0, 1] as const).map((step) => codeOf(uri, step)));
  return ["000000", "111111", "222222", "333333"].find((code) => !right.includes(code)) ?? "444444";
};
