import { expect, test } from "vitest";
import { type DocumentRecord, documentOf } from "./interchange/document-value.ts";
import type { EggFinding } from "./interchange/egg-finding.ts";
import { PANEL_READY_BUDGET_MS, PANEL_START_BUDGET_MS } from "./interchange/panel-defaults.ts";
import { readEgg } from "./interchange/read-egg.ts";
import { resolveWorkload } from "./resolve-workload.ts";

const document = (extra: Record<string, unknown>): DocumentRecord =>
  documentOf({
    meta: { version: "PTDL_v2" },
    name: "Game",
    docker_images: { one: "game:1" },
    startup: "./game",
    variables: [],
    ...extra,
  }) as DocumentRecord;

function imported(extra: Record<string, unknown>) {
  const { definition, findings } = readEgg(document(extra), { id: null, categoryId: null });
  const resolved = resolveWorkload(definition, { environment: {}, hostPorts: {}, resources: {} });
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  const at = (path: string) => findings.filter((finding: EggFinding) => finding.path === path);
  return { definition, spec: resolved.spec, levels: (path: string) => at(path).map(({ level }) => level), at };
}

test("an egg that asks for nothing has no equipment, so that older agents run it", () => {
  expect(imported({}).spec).not.toHaveProperty("equipment");
});

test("lines that tell that it is ready are waited for, as one or as a list, for five minutes", () => {
  const one = imported({ config: { startup: '{"done": ")! For help"}' } });
  expect(one.spec).toMatchObject({ startBudgetMs: PANEL_READY_BUDGET_MS, equipment: { readyLines: [")! For help"] } });
  expect(one.levels("config.startup.done")).toEqual([]);
  const many = imported({ config: { startup: { done: ["a", "regex:^b+$"] } } });
  expect(many.spec.equipment?.readyLines).toEqual(["a", "regex:^b+$"]);
});

test("an expression without a bound on its time is kept and not waited for, and the report says so", () => {
  const { spec, at, levels } = imported({ config: { startup: { done: ["regex:(a+)+\\1"] } } });
  expect(spec).not.toHaveProperty("equipment");
  expect(spec.startBudgetMs).toBe(PANEL_START_BUDGET_MS);
  expect(levels("config.startup.done")).toEqual(["warning", "warning"]);
  expect(at("config.startup.done")[0]?.message).toMatch(/references or lookaround.*not waited for/);
});

test("expressions that are too long together are waited for as far as they fit, and the report names the others", () => {
  const lines = [..."abcdefghi"].map((last) => `regex:(?:x?){255}${last}`);
  const { spec, at } = imported({ config: { startup: { done: [...lines, "a text"] } } });
  expect(spec.equipment?.readyLines).toEqual([...lines.slice(0, 8), "a text"]);
  expect(at("config.startup.done").map(({ message }) => message)).toEqual([
    expect.stringMatching(/255}i" makes the expressions 4608 steps long together; at most 4096: kept, not waited for/),
  ]);
});

test("of more lines than the bound the first are waited for, and the report names the others", () => {
  const lines = Array.from({ length: 65 }, (_, at) => `line ${at}`);
  const { spec, at } = imported({ config: { startup: { done: lines } } });
  expect(spec.equipment?.readyLines).toEqual(lines.slice(0, 64));
  expect(at("config.startup.done").map(({ message }) => message)).toEqual([
    expect.stringContaining('"line 64" is beyond the first 64'),
  ]);
});

test("the install script is run in its image, with a bound", () => {
  const installation = { script: "echo hi", container: "installers:debian", entrypoint: "bash" };
  const { spec, levels } = imported({ scripts: { installation } });
  expect(spec.equipment).toMatchObject({
    volume: "data",
    install: { image: "installers:debian", entrypoint: "bash", script: "echo hi", timeoutMs: 1_800_000 },
  });
  expect(levels("scripts.installation")).toEqual(["note"]);
});

test("a script without an image, or too long, is kept and not run, and the report says so", () => {
  for (const installation of [
    { script: "echo hi" },
    { script: "x".repeat(512 * 1024 + 1), container: "a", entrypoint: "sh" },
  ]) {
    const { spec, levels } = imported({ scripts: { installation } });
    expect(spec).not.toHaveProperty("equipment");
    expect(levels("scripts.installation")).toEqual(["warning"]);
  }
});

test("configuration files go to the agent, their placeholders as agents fill them", () => {
  const files = {
    "config.yml": {
      parser: "yml",
      find: {
        "listeners[0].host": "0.0.0.0:{{server.build.default.port}}",
        "servers.*.address": { "regex:^localhost": "{{config.docker.interface}}$1" },
        name: "{{server.build.env.NAME}}/{{env.NAME}}/{{server.environment.NAME}}/{{BARE}}",
        on: true,
      },
    },
  };
  const { spec, levels } = imported({ config: { files } });
  expect(spec.equipment?.configFiles).toEqual([
    {
      path: "config.yml",
      parser: "yaml",
      replacements: [
        { match: "listeners[0].host", ifValue: null, value: "0.0.0.0:{{env.SERVER_PORT}}" },
        { match: "servers.*.address", ifValue: "regex:^localhost", value: "{{config.docker.interface}}$1" },
        { match: "name", ifValue: null, value: "{{env.NAME}}/{{env.NAME}}/{{env.NAME}}/{{BARE}}" },
        { match: "on", ifValue: null, value: true },
      ],
    },
  ]);
  expect(levels("config.files")).toEqual(["note"]);
});

test("a file of an unknown kind, or out of the server's folder, is left alone, and a placeholder without a value is named", () => {
  const find = { a: "{{server.uuid}}" };
  const files = { "a.toml": { parser: "toml", find }, "../b": { parser: "file", find }, c: { parser: "file", find } };
  const { spec, at } = imported({ config: { files } });
  expect(spec.equipment?.configFiles.map(({ path }) => path)).toEqual(["c"]);
  expect(at("config.files").map(({ message }) => message)).toEqual([
    expect.stringContaining('"a.toml" is of a kind that Lormas does not know (toml)'),
    expect.stringContaining('"../b" leads out of the server\'s folder'),
    expect.stringContaining('"c" uses server.uuid'),
    expect.stringContaining("the file: c"),
  ]);
});
