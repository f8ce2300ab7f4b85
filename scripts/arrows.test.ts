import { describe, expect, test } from "vitest";
import { arrowViolations, importsOf, targetOf } from "./arrows.ts";
import { fileViolations, LINES_MAX } from "./file-rules.ts";

const refused = (file: string, ...specifiers: readonly string[]): string[] =>
  arrowViolations(file, specifiers.map((specifier) => `import { x } from "${specifier}";\n`).join("")).map(
    ({ line, message }) => `${line} ${message}`,
  );

describe("imports are found", () => {
  test("in every form that a formatted file can have", () => {
    const source = [
      'import a from "a";',
      'import type { B } from "./b.ts";',
      "import {",
      "  c,",
      "  d,",
      '} from "../c.ts";',
      'import "side-effect";',
      'export { e } from "e";',
      'export * from "f";',
      'const g = await import("g");',
      'type H = import("h").H;',
      "// from the past",
      'const i = "import x from y";',
      "export const j = 1;",
    ].join("\n");
    expect(importsOf(source).map(({ specifier, line }) => `${line}:${specifier}`)).toEqual([
      "1:a",
      "2:./b.ts",
      "6:../c.ts",
      "7:side-effect",
      "8:e",
      "9:f",
      "10:g",
      "11:h",
    ]);
  });

  test("inside a Svelte component's script", () => {
    expect(importsOf('<script lang="ts">import A from "a.svelte";\n</script>')).toEqual([
      { specifier: "a.svelte", line: 1 },
    ]);
  });

  test("and lead to rooms, packages or Node", () => {
    expect(targetOf("agent/src/a/b.ts", "../c.ts")).toEqual({ kind: "room", path: "agent/src/c.ts" });
    expect(targetOf("agent/src/a.ts", "@lormas/coordinator/main.ts")).toEqual({
      kind: "room",
      path: "coordinator/src/main.ts",
    });
    expect(targetOf("ui/src/a.ts", "#lib/b.ts")).toEqual({ kind: "room", path: "ui/src/lib/b.ts" });
    expect(targetOf("agent/src/a.ts", "fs/promises")).toEqual({ kind: "node", name: "fs/promises" });
    expect(targetOf("agent/src/a.ts", "@grpc/grpc-js/x")).toEqual({ kind: "package", name: "@grpc/grpc-js" });
  });
});

describe("an import that points the wrong way is refused", () => {
  test.each([
    ["coordinator/src/agents/a.ts", "../../../agent/src/main.ts"],
    ["coordinator/src/agents/a.ts", "@lormas/agent/main.ts"],
    ["agent/src/session/a.ts", "@lormas/coordinator/domain/node/node-machine.ts"],
    ["coordinator/src/domain/node/a.ts", "../../store/orm.ts"],
    ["coordinator/src/domain/node/a.ts", "@lormas/gen/x.ts"],
    ["coordinator/src/domain/node/a.ts", "node:fs"],
    ["coordinator/src/domain/node/a.ts", "pino"],
    ["coordinator/src/domain/node/a.test.ts", "pino"],
    ["lease/src/a.ts", "@lormas/gen/x.ts"],
    ["lease/src/a.ts", "node:os"],
    ["lease/src/a.ts", "vitest"],
    ["agent/src/guard/a.ts", "../session/b.ts"],
    ["agent/src/guard/a.ts", "pino"],
    ["coordinator/src/api/a.ts", "../store/entities/node-entity.ts"],
    ["coordinator/src/runtime/a.ts", "../store/container-entity.ts"],
    ["agent/src/executor/a.ts", "dockerode"],
    ["e2e/a.ts", "dockerode"],
    ["lab/src/a.ts", "@lormas/coordinator/domain/node/node-machine.ts"],
    ["lab/src/a.ts", "../../e2e/fleet/fleet.ts"],
    ["agent/src/a.ts", "@lormas/lab/lab.ts"],
    ["conformance/src/a.ts", "@lormas/agent/node/node-agent.ts"],
    ["conformance/src/a.ts", "@lormas/coordinator/runtime/node-watch.ts"],
    ["e2e/a.test.ts", "../conformance/src/stage.ts"],
    ["ui/src/lib/a.ts", "@lormas/lease/x.ts"],
    ["ui/src/lib/a.ts", "../../../coordinator/src/a.ts"],
    ["cli/src/up/a.ts", "@lormas/agent/main.ts"],
    ["cli/src/up/a.ts", "../../../coordinator/src/main.ts"],
  ])("%s imports %s", (file, specifier) => {
    expect(refused(file, specifier)).toHaveLength(1);
    expect(refused(file, specifier)[0]).toContain(`1 "${specifier}" must not be imported here: `);
  });

  test("and one that points the right way is not", () => {
    expect(refused("coordinator/src/domain/node/a.ts", "xstate", "../container/b.ts", "@lormas/lease/x.ts")).toEqual(
      [],
    );
    expect(refused("coordinator/src/domain/node/a.test.ts", "vitest", "fast-check", "xstate")).toEqual([]);
    expect(refused("coordinator/src/store/repo.ts", "./entities/node-entity.ts", "@mikro-orm/core")).toEqual([]);
    expect(refused("agent/src/guard/main.ts", "node:fs", "@lormas/lease/x.ts", "./b.ts")).toEqual([]);
    expect(refused("agent/src/runtime/docker/a.ts", "dockerode")).toEqual([]);
    expect(refused("lab/src/a.ts", "@lormas/agent/x.ts", "../../cli/src/client/api-client.ts", "node:fs")).toEqual([]);
    expect(refused("e2e/hosts/a.ts", "../../lab/src/network/host-network.ts")).toEqual([]);
    expect(refused("bench/crash/crash.ts", "@lormas/lab/lab.ts")).toEqual([]);
    expect(
      refused(
        "conformance/src/a.ts",
        "@lormas/coordinator/agents/join-token.ts",
        "@lormas/agent/process/process-table.ts",
      ),
    ).toEqual([]);
    expect(refused("ui/src/lib/a.ts", "@lormas/gen/x.ts", "#lib/b.ts", "svelte")).toEqual([]);
    expect(refused("cli/src/a.ts", "@lormas/gen/x.ts", "./b.ts", "commander", "node:fs")).toEqual([]);
  });
});

describe("a file is named for its noun and stays small", () => {
  test.each(["utils.ts", "helpers.ts", "types.ts", "index.ts", "util.svelte.ts"])("%s is refused", (name) => {
    expect(fileViolations(`agent/src/${name}`, "")).toHaveLength(1);
  });
  test("a good name of the greatest length passes, one line more does not", () => {
    expect(fileViolations("agent/src/node-types.ts", "\n".repeat(LINES_MAX))).toEqual([]);
    expect(fileViolations("agent/src/node-types.ts", "\n".repeat(LINES_MAX + 1))).toHaveLength(1);
  });
});
