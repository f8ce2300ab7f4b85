import { describe, expect, test } from "vitest";
import { returnPath } from "./return-path.ts";
import { changePassword, readSession, signIn } from "./session.ts";

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): typeof fetch =>
  () =>
    Promise.resolve(new Response(body === undefined ? "" : JSON.stringify(body), { status, headers }));

describe("the session", () => {
  test("is that of the user, and null when nobody is signed in", async () => {
    const user = { id: "1", email: "a@b.c", name: "A", mustChangePassword: true, more: 1 };
    expect(await readSession(answer(200, { session: {}, user }))).toEqual({
      ok: true,
      value: { id: "1", email: "a@b.c", name: "A", mustChangePassword: true },
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
