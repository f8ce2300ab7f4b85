import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { joinLine } from "./join-line.ts";

/** What a shell makes of the line: the agent's words and its token, one a line. */
const asPasted = (line: string): string[] =>
  execFileSync(
    "sh",
    ["-c", line.replace("node_modules/.bin/node", `sh -c 'printf "%s\\n" "$LORMAS_JOIN_TOKEN" "$@"' sh`)],
    {
      encoding: "utf8",
    },
  )
    .trimEnd()
    .split("\n");

test("the line that joins a host can be pasted as it is, and no word of it is taken apart", () => {
  for (const [token, coordinator] of [
    ["lormas1.a-b_c.0f", "10.0.0.1:7443"],
    ["it's $(id)", "[fd00::1]:7443"],
  ] as const) {
    const [given, program, ...flags] = asPasted(joinLine(token, coordinator));
    expect([given, program]).toEqual([token, "agent/src/main.ts"]);
    expect(flags.slice(0, 2)).toEqual(["--coordinator", coordinator]);
    expect(flags.slice(-4)).toEqual(["--data-dir", "/var/lib/lormas-agent", "--runtime", "docker"]);
    expect(flags).toHaveLength(10);
  }
});
