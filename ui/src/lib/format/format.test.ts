import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { endpointText, endpointUrl } from "./endpoint.ts";
import { leaseView } from "./lease-view.ts";
import { passwordProblem } from "./new-password.ts";
import { plainText, shortId } from "./plain-text.ts";
import { formatBytes, formatCores, formatCount, formatReserved, formatShare } from "./quantity.ts";
import { formatAge, formatBound, formatSpan, toMs } from "./time.ts";

describe("quantities", () => {
  test("carry their unit", () => {
    expect([0n, 1023n, 1024n, 1536n, 64n << 20n, 1n << 40n, 12n << 60n].map(formatBytes)).toEqual([
      "0 B",
      "1023 B",
      "1 KiB",
      "1.5 KiB",
      "64 MiB",
      "1 TiB",
      "12288 PiB",
    ]);
    expect([1000, 250, 2500, 5].map(formatCores)).toEqual(["1 core", "0.25 cores", "2.5 cores", "0.01 cores"]);
    expect([formatCount(1, "node"), formatCount(0, "node")]).toEqual(["1 node", "0 nodes"]);
  });

  test("of what is reserved leave out a disk that is not", () => {
    const amounts = { cpuMillis: 100, memoryBytes: 128n << 20n, diskBytes: 0n };
    expect(formatReserved(amounts)).toBe("0.1 cores, 128 MiB memory");
    expect(formatReserved({ ...amounts, diskBytes: 1n << 30n })).toBe("0.1 cores, 128 MiB memory, 1 GiB disk");
  });

  test("have no share of nothing", () => {
    expect([formatShare(1n, 4n), formatShare(1, 0)]).toEqual(["25 %", "–"]);
  });
});

describe("times", () => {
  test("are as fine as they are short", () => {
    expect(
      [0, 840, 7_400, 59_949, 59_950, 123_000, 3_600_000, 3_840_000, 90_000_000, 259_200_000].map((ms) =>
        formatSpan(ms),
      ),
    ).toEqual(["0 ms", "840 ms", "7.4 s", "59.9 s", "1 min", "2 min 3 s", "1 h", "1 h 4 min", "1 d 1 h", "3 d"]);
    expect(formatSpan(-5)).toBe("0 ms");
    expect(formatSpan(840, "s")).toBe("0.8 s");
    expect([0, 300, 6_601, 59_950, 171_316].map(formatBound)).toEqual([
      "0.0 s",
      "0.3 s",
      "6.7 s",
      "1 min",
      "2 min 52 s",
    ]);
  });

  test("are told by their age, in the future too", () => {
    const now = 10_000_000_000;
    expect(
      [0, 999, 1_000, 59_999, 60_000, 7_200_000, 172_800_000, -3_000].map((ms) => formatAge(now, now - ms)),
    ).toEqual(["now", "now", "1 s ago", "59 s ago", "1 min ago", "2 h ago", "2 d ago", "in 3 s"]);
  });

  test("come from timestamps to the millisecond", () => {
    expect(toMs(timestampFromMs(1_234_567))).toBe(1_234_567);
    expect(toMs(undefined)).toBeUndefined();
  });
});

describe("text of others", () => {
  test("cannot hide, reorder or colour anything", () => {
    expect(plainText("\u001b[31mred\u0000")).toBe("\\x1b[31mred\\x00");
    expect(plainText("a\u202egnp.exe\u2066")).toBe("a\\u202egnp.exe\\u2066");
    expect(plainText("zero\u200bwidth\ufeff\u0085\r\n")).toBe("zero\\u200bwidth\\ufeff\\x85\\x0d\\x0a");
    expect(plainText("\ud800")).toBe("\ufffd");
  });

  test("stays as it is when it is harmless", () => {
    expect(plainText("Grüße, 世界 🚀\tok")).toBe("Grüße, 世界 🚀\tok");
  });

  test("is shortened only when it is an id", () => {
    expect([shortId("hello-http"), shortId("0123abcd-0000-4000-8000-000000000000")]).toEqual([
      "hello-http",
      "0123abcd",
    ]);
  });
});

describe("endpoints", () => {
  const http = { name: "http", address: "127.0.1.1", port: 20001, protocol: "tcp" };
  test("of the web are links", () => {
    expect(endpointUrl(http)).toBe("http://127.0.1.1:20001/");
    expect(endpointUrl({ ...http, name: "https", address: "fd00::1" })).toBe("https://[fd00::1]:20001/");
    expect(endpointText({ ...http, address: "fd00::1" })).toBe("[fd00::1]:20001");
  });

  test("of other kinds, or with an address that is none, are not", () => {
    for (const change of [
      { name: "game" },
      { protocol: "udp" },
      { address: "x/@evil" },
      { address: "" },
      { name: "httpx" },
    ]) {
      expect(endpointUrl({ ...http, ...change })).toBeNull();
    }
  });
});

describe("a lease", () => {
  const policy = { leaseMs: 6_000, intervalMs: 1_000 };
  test("runs, runs low and is over", () => {
    expect(leaseView(400, policy)).toMatchObject({ phase: "running", text: "lease ≤ 5.6 s" });
    expect(leaseView(2_600, policy)).toMatchObject({ phase: "low" });
    expect(leaseView(6_000, policy)).toEqual({ phase: "over", share: 0, text: "lease over" });
    expect(leaseView(-500, policy).share).toBe(1);
  });
});

describe("a new password", () => {
  test("is long, new and typed twice alike", () => {
    expect(passwordProblem("", "x", "x")?.field).toBe("current");
    expect(passwordProblem("old", "eleven char", "eleven char")?.field).toBe("chosen");
    expect(passwordProblem("the same password", "the same password", "the same password")?.field).toBe("chosen");
    expect(passwordProblem("old", "twelve chars", "twelve chart")?.field).toBe("again");
    expect(passwordProblem("old", "twelve chars", "twelve chars")).toBeNull();
  });
});
