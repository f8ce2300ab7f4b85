import { describe, expect, it } from "vitest";
import { withSamePorts } from "./same-ports.ts";

const ready = {
  httpUrl: "http://127.0.0.1:40001",
  agentAddress: "127.0.0.1:40002",
  adminEmail: "a@b",
  firstPassword: undefined,
};

describe("the coordinator's ports across its restarts", () => {
  it("are any free ones on the first start", () => {
    const first = { LORMAS_HTTP_LISTEN: "127.0.0.1:0", OTHER: "x" };
    expect(withSamePorts(first, undefined)).toEqual(first);
  });

  it("are those of the first start afterwards, on the host that was asked for", () => {
    const next = withSamePorts({ LORMAS_HTTP_LISTEN: "0.0.0.0:0", LORMAS_AGENT_LISTEN: "[::1]:0", OTHER: "x" }, ready);
    expect(next).toEqual({ LORMAS_HTTP_LISTEN: "0.0.0.0:40001", LORMAS_AGENT_LISTEN: "[::1]:40002", OTHER: "x" });
  });

  it("stay as they were asked for when that was a number, or nothing", () => {
    const asked = { LORMAS_HTTP_LISTEN: "127.0.0.1:8080" };
    expect(withSamePorts(asked, ready)).toEqual(asked);
  });
});
