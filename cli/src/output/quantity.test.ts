import { InvalidArgumentError } from "commander";
import { describe, expect, it } from "vitest";
import { collectPair, collectPort, moment, parseBytes, parseCpu, wholeNumber } from "./quantity.ts";

describe("amounts as people type them", () => {
  it("reads bytes with decimal and binary units", () => {
    expect(parseBytes("1000")).toBe(1000n);
    expect(parseBytes("256Mi")).toBe(268435456n);
    expect(parseBytes("1.5GiB")).toBe(1610612736n);
    expect(parseBytes("2G")).toBe(2000000000n);
    for (const bad of ["", "0", "-1", "1X", "1e9", "999999999Ti"]) {
      expect(() => parseBytes(bad), bad).toThrow(InvalidArgumentError);
    }
  });

  it("reads cores and thousandths of a core", () => {
    expect(parseCpu("0.5")).toBe(500);
    expect(parseCpu("250m")).toBe(250);
    for (const bad of ["", "0", "x", "-1", "99999999"]) expect(() => parseCpu(bad), bad).toThrow(InvalidArgumentError);
  });

  it("refuses numbers out of range", () => {
    const port = wholeNumber(1, 65535);
    expect(port("65535")).toBe(65535);
    for (const bad of ["0", "65536", "1.5", "", "1 "]) expect(() => port(bad), bad).toThrow(InvalidArgumentError);
  });

  it("reads moments, before now or as they are written", () => {
    const nowMs = Date.UTC(2026, 10, 21, 12);
    expect(moment("2h")(nowMs)).toEqual(new Date(nowMs - 7_200_000));
    expect(moment("30d")(nowMs)).toEqual(new Date(nowMs - 30 * 86_400_000));
    expect(moment("2026-11-21T11:30:00Z")(nowMs)).toEqual(new Date("2026-11-21T11:30:00Z"));
    for (const bad of ["", "0s", "2", "yesterday", "2026-13-45"])
      expect(() => moment(bad), bad).toThrow(InvalidArgumentError);
  });

  it("collects NAME=VALUE pairs, = in the value included", () => {
    expect(collectPair("B=x=y", collectPair("A=1"))).toEqual({ A: "1", B: "x=y" });
    expect(collectPort("http=8080", collectPort("admin=1"))).toEqual({ admin: 1, http: 8080 });
    expect(() => collectPort("http=0")).toThrow(InvalidArgumentError);
    expect(() => collectPair("=x")).toThrow(InvalidArgumentError);
    expect(() => collectPair("A")).toThrow(InvalidArgumentError);
  });
});
