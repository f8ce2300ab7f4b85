import { expect, test } from "vitest";
import { helloHttp } from "./builtin/hello-http.ts";
import { CHANGES_MAX, eggChanges, TEXT_MAX } from "./egg-changes.ts";
import type { EggDefinition } from "./egg-definition.ts";
import { importEgg } from "./interchange/import-egg.ts";
import { readJson } from "./interchange/json-reader.ts";

const variable = { description: "", required: false, pattern: "" };
const egg: EggDefinition = {
  ...helloHttp,
  variables: [
    { ...variable, name: "MEMORY", defaultValue: "512" },
    { ...variable, name: "VERSION", defaultValue: "latest", rules: ["max:20"] },
  ],
};
const world = (changes: object): EggDefinition => {
  const text = JSON.stringify({
    meta: { version: "PTDL_v2" },
    name: "World",
    docker_images: { Box: "box:1" },
    startup: "run",
    config: {
      files: '{"a.yml":{"parser":"yaml","find":{"port":"1","map":"x"}}}',
      startup: "{}",
      logs: "{}",
      stop: "^C",
    },
    scripts: { installation: { script: "true", container: "box:1", entrypoint: "sh" } },
    ...changes,
  });
  return importEgg({ syntax: "json", text, ...readJson(text) }, { id: null, categoryId: null }).definition;
};

test("an egg that is the same has no changes", () => {
  expect(eggChanges(egg, structuredClone(egg))).toEqual([]);
});

test("a field that changes is named with both values, and one that goes or comes with the one it has", () => {
  const { description, ...rest } = egg;
  expect(eggChanges(egg, { ...rest, name: "Other", tty: true } as EggDefinition)).toEqual([
    { path: "name", before: egg.name, after: "Other" },
    { path: "description", before: description, after: undefined },
    { path: "tty", before: undefined, after: "true" },
  ]);
});

test("a variable that goes does not change those that follow", () => {
  const after = { ...egg, variables: egg.variables.slice(1) };
  const paths = ["name", "description", "required", "pattern", "defaultValue"];
  expect(
    eggChanges(egg, after)
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(paths.map((name) => `variables[MEMORY].${name}`).toSorted());
});

test("of a panel's egg the command, the script and each value of a file are told, and not what follows from them", () => {
  const files = '{"a.yml":{"parser":"yaml","find":{"port":"2","map":"x"}}}';
  const after = world({
    startup: "run fast",
    config: { files, startup: "{}", logs: "{}", stop: "^C" },
    scripts: { installation: { script: "make", container: "box:1", entrypoint: "sh" } },
  });
  expect(eggChanges(world({}), after)).toEqual([
    { path: "panel.startupCommands[Default].command", before: "run", after: "run fast" },
    { path: "panel.configFiles[a.yml].replacements[port].value", before: "1", after: "2" },
    { path: "panel.install.script", before: "true", after: "make" },
  ]);
});

test("of long texts the part is told where they differ, and of many changes no more than the bound", () => {
  const script = (end: string): string => `${"line\n".repeat(1_000)}the last ${end}`;
  const long = (end: string) =>
    world({ scripts: { installation: { script: script(end), container: "x", entrypoint: "" } } });
  expect(eggChanges(long("one"), long("two"))).toEqual([
    { path: "panel.install.script", before: "the last one", after: "the last two" },
  ]);
  const line = (end: string) => world({ description: `${"x".repeat(5_000)}${end}` });
  const [change] = eggChanges(line("a"), line("b"));
  expect(change?.before?.endsWith("xa")).toBe(true);
  expect(change?.before?.length).toBeLessThanOrEqual(TEXT_MAX);
  const many = Array.from({ length: 300 }, (_, index) => ({ ...variable, name: `V${index}`, defaultValue: "1" }));
  expect(eggChanges(egg, { ...egg, variables: many })).toHaveLength(CHANGES_MAX);
});
