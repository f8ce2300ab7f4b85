import { describe, expect, it } from "vitest";
import { parseControlRequest } from "./control-message.ts";
import { LineCutter, lineBytesMax } from "./json-lines.ts";

describe("lines on the control socket", () => {
  it("come whole, however they were divided on the way", () => {
    const cutter = new LineCutter();
    expect(cutter.push(Buffer.from('{"op":'))).toEqual([]);
    expect(cutter.push(Buffer.from('"status"}\n{}\nrest'))).toEqual(['{"op":"status"}', "{}"]);
    expect(cutter.push(Buffer.from("\n"))).toEqual(["rest"]);
  });

  it("have at most 64 KiB, finished or not", () => {
    expect(new LineCutter().push(Buffer.from(`${"x".repeat(lineBytesMax)}\n`))).toHaveLength(1);
    expect(() => new LineCutter().push(Buffer.from(`${"x".repeat(lineBytesMax + 1)}\n`))).toThrow(RangeError);
    expect(() => new LineCutter().push(Buffer.from("x".repeat(lineBytesMax + 1)))).toThrow(RangeError);
  });
});

describe("a request on the control socket", () => {
  it("is one of the ops there are", () => {
    expect(parseControlRequest('{"op":"kill","node":"node-1"}')).toEqual({ op: "kill", node: "node-1" });
    expect(() => parseControlRequest('{"op":"kill"}')).toThrow("needs");
    expect(() => parseControlRequest('{"op":"reboot"}')).toThrow("status, kill, revive");
    expect(() => parseControlRequest("[]")).toThrow();
    expect(() => parseControlRequest("{")).toThrow();
  });
});
