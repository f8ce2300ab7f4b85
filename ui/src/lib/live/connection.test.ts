import { describe, expect, test } from "vitest";
import type { ApiError } from "../api/api-error.ts";
import { type Connection, freshness, noConnection, silenceMs, staleAfterMs } from "./connection.ts";

const open: Connection = { phase: "open", freshAtMs: 1_000, retryAtMs: null, error: null };
const error: ApiError = { code: "x", message: "x", field: "", nextStep: "x", retryable: true };

describe("freshness", () => {
  test("is live only while an open stream speaks", () => {
    expect(freshness(open, 1_000 + silenceMs)).toBe("live");
    expect(freshness(open, 1_001 + silenceMs)).toBe("reconnecting");
    expect(freshness({ ...open, phase: "waiting" }, 1_001)).toBe("reconnecting");
  });

  test("is stale once what is shown is too old, whatever the stream does", () => {
    for (const phase of ["open", "waiting", "connecting"] as const) {
      expect(freshness({ ...open, phase }, 1_001 + staleAfterMs)).toBe("stale");
    }
  });

  test("tells a first attempt from one that failed", () => {
    expect(freshness(noConnection, 0)).toBe("connecting");
    expect(freshness({ ...noConnection, error }, 0)).toBe("reconnecting");
  });
});
