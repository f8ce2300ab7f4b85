import { describe, expect, test } from "vitest";
import { agentConfig } from "./agent-config.ts";

const GOOD = ["--data-dir", "/tmp/x", "--coordinator", "127.0.0.1:7443", "--address", "127.0.1.1", "--name", "node-1"];

function problems(argv: string[], env: NodeJS.ProcessEnv = {}): string {
  const outcome = agentConfig(argv, env, "host");
  return "problems" in outcome ? outcome.problems.join("\n") : "";
}

describe("the agent's settings", () => {
  test("have sound defaults", () => {
    expect(agentConfig(GOOD, {}, "host")).toMatchObject({
      config: { runtime: "auto", production: false, portPool: { min: 20_000, max: 29_999 }, cgroupParent: "/lormas" },
    });
    expect(agentConfig(GOOD.slice(0, 6), {}, "Host-7")).toMatchObject({ config: { name: "host-7" } });
  });

  test("of the peer plane: the address with port 7446, another, none, or what is dialled from outside", () => {
    const peersOf = (...argv: string[]) => {
      const outcome = agentConfig([...GOOD, ...argv], {}, "host");
      return "config" in outcome ? outcome.config.peers : outcome;
    };
    expect(peersOf()).toEqual({ listen: { host: "127.0.1.1", port: 7446 }, advertise: null });
    expect(peersOf("--address", "fd00::7")).toMatchObject({ listen: { host: "fd00::7", port: 7446 } });
    expect(peersOf("--peer-listen", "[::]:0")).toMatchObject({ listen: { host: "::", port: 0 } });
    expect(peersOf("--peer-listen", ":9000", "--peer-address", "nat.example:17446")).toEqual({
      listen: { host: "", port: 9000 },
      advertise: "nat.example:17446",
    });
    expect(peersOf("--peer-listen", "off")).toBeNull();
  });

  test("come from flags before the environment", () => {
    const env = { LORMAS_NODE_NAME: "from-env", LORMAS_LOG_LEVEL: "debug", LORMAS_JOIN_TOKEN: " token " };
    expect(agentConfig(GOOD, env, "host")).toMatchObject({
      config: { name: "node-1", logLevel: "debug", joinToken: "token" },
    });
  });

  test("may name several coordinators", () => {
    const argv = ["--data-dir", "/tmp/x", "--address", "127.0.1.1", "--coordinator", "a:7443, [::1]:7444"];
    expect(agentConfig(argv, {}, "host")).toMatchObject({ config: { coordinators: ["a:7443", "[::1]:7444"] } });
  });

  test.each([
    [["--data-dir", " "], "--data-dir is missing"],
    [["--coordinator", "nowhere"], "give host:port"],
    [["--coordinator", "a:70000"], "give host:port"],
    [["--coordinator", "a:1,,b:2"], "give host:port"],
    [["--coordinator", Array.from({ length: 10 }, (_, n) => `c${n}:7443`).join(",")], "up to 9"],
    [["--name", "UPPER"], "lower-case letters"],
    [["--address", "a b"], "give the IP address"],
    [["--peer-listen", "here"], "give host:port"],
    [["--peer-listen", "a:70000"], "give host:port"],
    [["--peer-address", "0.0.0.0:7446"], "that other agents dial"],
    [["--peer-address", "a:0"], "that other agents dial"],
    [["--peer-address", "a:1", "--peer-listen", "off"], "leave out one"],
    [["--port-pool", "9-1"], "the lower first"],
    [["--port-pool", "1-70000"], "1 to 65535"],
    [["--runtime", "podman"], "choose one of auto, docker, exec"],
    [["--log-level", "loud"], "choose one of"],
    [["--cgroup-parent", "../up"], "absolute path"],
    [["--runtime", "exec", "--production"], "add --allow-exec"],
    [["--guard-restarts-agent", "maybe"], "choose one of auto, yes, no"],
    [["--watchdog", "/dev/no-such-watchdog"], "a device that this agent may write"],
    [["--colour"], "--help"],
  ])("refuse %j and say what is right", (argv, text) => {
    expect(problems([...GOOD, ...argv])).toContain(text);
  });

  test("allow exec in production when that is asked for", () => {
    expect(problems([...GOOD, "--runtime", "exec", "--production"], { LORMAS_ALLOW_EXEC: "true" })).toBe("");
    expect(problems(GOOD, { LORMAS_PRODUCTION: "maybe" })).toContain("true or false");
  });
});
