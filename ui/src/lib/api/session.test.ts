import { describe, expect, test } from "vitest";
import { returnPath } from "./return-path.ts";
import { newRecoveryCodes, removeSecondFactor, setUpSecondFactor } from "./second-factor.ts";
import { changePassword, readSession, signIn, verifySecondFactor } from "./session.ts";
import { problemOf, readProviders, startProvider } from "./sign-in-provider.ts";

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): typeof fetch =>
  () =>
    Promise.resolve(new Response(body === undefined ? "" : JSON.stringify(body), { status, headers }));

describe("the session", () => {
  test("is that of the user, and null when nobody is signed in", async () => {
    const user = {
      id: "1",
      email: "a@b.c",
      name: "A",
      mustChangePassword: true,
      locale: "de-CH",
      timeZone: null,
      more: 1,
    };
    expect(await readSession(answer(200, { session: {}, user }))).toEqual({
      ok: true,
      value: { id: "1", email: "a@b.c", name: "A", mustChangePassword: true, locale: "de-CH", timeZone: "" },
    });
    expect(await readSession(answer(200, null))).toEqual({ ok: true, value: null });
    expect(await readSession(answer(401, undefined))).toEqual({ ok: true, value: null });
  });

  test("is not taken for absent when the coordinator cannot say", async () => {
    expect(await readSession(() => Promise.reject(new TypeError("x")))).toMatchObject({
      ok: false,
      error: { code: "unavailable" },
    });
    expect(await readSession(answer(502, undefined))).toMatchObject({
      ok: false,
      error: { code: "http_502", retryable: true },
    });
  });
});

describe("a refused sign-in", () => {
  test("says what is wrong and what to do", async () => {
    expect(await signIn("a", "b", answer(401, { code: "INVALID_EMAIL_OR_PASSWORD" }))).toMatchObject({
      error: { message: "The e-mail address or the password is wrong." },
    });
    expect(await signIn("a", "b", answer(429, {}, { "retry-after": "41.2" }))).toMatchObject({
      error: { code: "rate_limited", nextStep: "Wait 42 s, then try again." },
    });
    expect(await changePassword("a", "b", answer(400, { code: "INVALID_PASSWORD" }))).toMatchObject({
      error: { field: "currentPassword" },
    });
  });
});

describe("a second factor", () => {
  test("is asked for after the password where the account has one", async () => {
    const asked = answer(200, { twoFactorRedirect: true, twoFactorMethods: ["totp"] });
    expect(await signIn("a", "b", asked)).toEqual({ ok: true, value: { secondFactor: true } });
    expect(await signIn("a", "b", answer(200, { user: {} }))).toEqual({ ok: true, value: { secondFactor: false } });
  });

  test("is set up with a key for the app and codes for when it is lost, and not with half of that", async () => {
    const totpURI = "otpauth://totp/Lormas:a%40b.c?secret=JBSWY3DPEHPK3PXP&issuer=Lormas";
    expect(await setUpSecondFactor("p", answer(200, { totpURI, backupCodes: ["a-1", "b-2"] }))).toEqual({
      ok: true,
      value: { uri: totpURI, key: "JBSWY3DPEHPK3PXP", recoveryCodes: ["a-1", "b-2"] },
    });
    expect(await setUpSecondFactor("p", answer(200, { totpURI: "otpauth://totp/x" }))).toMatchObject({
      ok: false,
      error: { code: "malformed_answer" },
    });
    expect(await newRecoveryCodes("p", answer(200, { backupCodes: ["c-3"] }))).toEqual({ ok: true, value: ["c-3"] });
    expect(await removeSecondFactor("p", answer(400, { code: "INVALID_PASSWORD" }))).toMatchObject({
      ok: false,
      error: { message: "The current password is wrong." },
    });
  });

  test("is sent without the gap that apps show, to the route of its kind", async () => {
    const sent: unknown[] = [];
    const spy: typeof fetch = (path, init) => {
      sent.push([path, init?.body]);
      return Promise.resolve(new Response("{}"));
    };
    await verifySecondFactor(" 123 456", false, spy);
    await verifySecondFactor(" abcde-fghij ", true, spy);
    expect(sent).toEqual([
      ["/api/auth/two-factor/verify-totp", '{"code":"123456"}'],
      ["/api/auth/two-factor/verify-backup-code", '{"code":"abcde-fghij"}'],
    ]);
  });

  test("that is refused says what is wrong and what to do", async () => {
    for (const code of ["INVALID_CODE", "INVALID_BACKUP_CODE", "code_used", "malformed_code"]) {
      const refused = await verifySecondFactor("1", false, answer(401, { code }));
      expect(refused).toMatchObject({ ok: false, error: { code, nextStep: expect.stringMatching(/\w/) } });
    }
  });
});

describe("a sign-in by a provider", () => {
  test("offers those that are configured, and nothing where the answer is something else", async () => {
    const providers = [{ id: "a", label: "A" }];
    expect(await readProviders(answer(200, { providers }))).toEqual({ ok: true, value: providers });
    for (const body of [null, {}, { providers: 1 }, { providers: [{ id: 1 }] }]) {
      expect(await readProviders(answer(200, body))).toEqual({ ok: true, value: [] });
    }
  });

  test("goes on at an address of the web alone", async () => {
    expect(await startProvider("a", "/", answer(200, { url: "https://id.example/auth" }))).toEqual({
      ok: true,
      value: "https://id.example/auth",
    });
    expect(await startProvider("a", "/", answer(200, { url: "javascript:alert(1)" }))).toMatchObject({ ok: false });
  });

  test("that came back with a problem says which, also one that this page does not know", () => {
    expect(problemOf(null)).toBeNull();
    expect(problemOf("email_not_verified")?.message).toContain("has not verified");
    expect(problemOf("constructor")?.message).toBe("The sign-in did not work.");
  });
});

describe("the way back after signing in", () => {
  test("stays on this origin", () => {
    expect(returnPath("/containers/a?b=c")).toBe("/containers/a?b=c");
    for (const asked of [
      null,
      "",
      "//evil.example",
      "/\\evil.example",
      "https://evil.example",
      "/\t/evil",
      "/a\\b",
      "javascript:1",
    ]) {
      expect(returnPath(asked), String(asked)).toBe("/");
    }
  });

  test("does not lead in a circle", () => {
    expect(returnPath("/sign-in?next=/x")).toBe("/");
  });
});
