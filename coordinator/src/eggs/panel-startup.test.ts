import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { panelStartup, startupVariable, unfilledPlaceholders } from "./panel-startup.ts";
import { placeholdersIn } from "./startup-template.ts";

const run = (command: string, env: Record<string, string>): string =>
  execFileSync("/bin/sh", ["-c", panelStartup(command)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/bin:/usr/bin", ...env },
  });

test("a variable's value is never read as a command, whatever it holds and however it is quoted", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii", maxLength: 30 }), (raw) => {
      const value = raw.replaceAll("\0", "");
      expect(run(`printf '%s' "x{{A}}y"`, { A: value })).toBe(`x${value}y`);
    }),
    { numRuns: 15 },
  );
  expect(run('printf "%s|" {{ARGS}} "{{ARGS}}"', { ARGS: "-a $(id) `id`;id" })).toBe(
    "-a|$(id)|`id`;id|-a $(id) `id`;id|",
  );
});

test("every name that panels have for a value is the environment's, and the shell's own form stays", () => {
  const env = { SERVER_PORT: "1", SERVER_IP: "2", SERVER_MEMORY: "3", MAP: "4" };
  const command = `echo {{server.build.default.port}} {{ server.allocations.default.ip }} {{server.build.memory}} {{env.MAP}} {{server.build.env.MAP}} \${MAP} $MAP`;
  expect(run(command, env)).toBe("1 2 3 4 4 4 4\n");
  expect(startupVariable("a {{env.MAP}} {{server.build.default.port}}")).toBe("a {{MAP}} {{SERVER_PORT}}");
});

test("bash's own words are understood where there is bash, and the quotes of a command stay its own", () => {
  expect(run(`[[ ! -f /nowhere ]] && printf %s "it's {{A}}"`, { A: "here" })).toBe("it's here");
});

test("a placeholder without a value stays, and is named", () => {
  expect(unfilledPlaceholders("a {{config.docker.interface}} {{A}} {{server.build.env.B}}")).toEqual([
    "config.docker.interface",
  ]);
  expect(placeholdersIn(panelStartup("a {{A}} {{env.B}}"))).toEqual([]);
});
