import { readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { expect, test } from "vitest";
import { Refusal } from "../domain/refusal.ts";
import { apiError, codeOf } from "./api-error.ts";
import { isConnectionFailure } from "./connection-failure.ts";
import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";
import { toApiError } from "./error-mapping.ts";
import { httpStatusOf } from "./rest/http-status.ts";

const codes = Object.entries(ERROR_CODES) as [ErrorCode, (typeof ERROR_CODES)[ErrorCode]][];

test("docs/api-errors.md lists exactly the codes that exist, with their gRPC code and HTTP status", () => {
  const text = readFileSync(new URL("../../../docs/api-errors.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| ([a-z_]+) \| ([A-Z_]+) \| (\d{3}) \|/gm)];
  const documented = rows.map(([, code, grpc, http]) => `${code} ${grpc} ${http}`).sort();
  const name = (code: Code): string =>
    (Code[code] ?? "").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  expect(documented).toEqual(
    codes.map(([code, rule]) => `${code} ${name(rule.code)} ${httpStatusOf(rule.code)}`).sort(),
  );
});

test("every error says what to do next, and a retry is hinted in the header too", () => {
  for (const [code, { nextStep, retryAfterMs }] of codes) {
    expect(nextStep.length, code).toBeGreaterThan(5);
    const error = apiError(code, "x");
    expect(error.metadata.get("retry-after")).toBe(retryAfterMs > 0 ? String(Math.ceil(retryAfterMs / 1_000)) : null);
    expect(error.findDetails(ErrorDetailSchema)[0]).toMatchObject({ code, retryable: retryAfterMs > 0, retryAfterMs });
  }
});

test("a refusal keeps its words, field and wait", () => {
  const error = toApiError(
    new Refusal("busy", "Node n is busy.", "Wait a little.", { field: "id", retryAfterMs: 750 }),
    "r",
  );
  expect(error.code).toBe(Code.Unavailable);
  expect(error.findDetails(ErrorDetailSchema)[0]).toMatchObject({
    code: "busy",
    message: "Node n is busy.",
    nextStep: "Wait a little.",
    field: "id",
    retryAfterMs: 750,
  });
});

test("what nobody foresaw is internal: the request is named, the cause is kept for the log and not sent", () => {
  const cause = new Error("password=hunter2");
  const error = toApiError(cause, "req-1");
  expect([error.code, codeOf(error)]).toEqual([Code.Internal, "internal"]);
  expect(error.rawMessage).toContain("req-1");
  expect(JSON.stringify(error.findDetails(ErrorDetailSchema))).not.toContain("hunter2");
  expect(error.rawMessage).not.toContain("hunter2");
  expect(error.cause).toBe(cause);
});

test("errors of the protocol layer get codes of the closed set", () => {
  const mapped = (code: Code): string | null => codeOf(toApiError(new ConnectError("x", code), ""));
  expect(mapped(Code.InvalidArgument)).toBe("invalid_argument");
  expect(mapped(Code.ResourceExhausted)).toBe("body_too_large");
  expect(mapped(Code.Canceled)).toBe("cancelled");
  expect(mapped(Code.DeadlineExceeded)).toBe("deadline_exceeded");
  expect(mapped(Code.Unknown)).toBe("internal");
});

test.each([
  [Object.assign(new Error("x"), { code: "ECONNREFUSED" }), true],
  [new AggregateError([Object.assign(new Error("x"), { code: "ECONNREFUSED" })]), true],
  [new Error("wrapped", { cause: Object.assign(new Error("x"), { code: "57P01" }) }), true],
  [new Error("wrapped", { cause: new Error("Connection terminated unexpectedly") }), true],
  [Object.assign(new Error("x"), { code: "08006" }), true],
  [Object.assign(new Error("x"), { code: "ENOENT", syscall: "open" }), false],
  [Object.assign(new Error("x"), { code: "23505" }), false],
  [new Error("something else"), false],
  ["text", false],
])("%s is a lost database: %s", (error, expected) => {
  expect(isConnectionFailure(error)).toBe(expected);
  expect(codeOf(toApiError(error, "")) === "database_unavailable").toBe(expected);
});
