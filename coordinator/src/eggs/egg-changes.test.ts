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

const changed = (before: EggDefinition, after: EggDefinition) => eggChanges(before, after).changes;

test("an egg that is the same has no changes", () => {
  expect(eggChanges(egg, structuredClone(egg))).toEqual({ changes: [], total: 0 });
});

test("a field that changes is named with both values, and one that goes or comes with the one it has", () => {
  const { description, ...rest } = egg;
  expect(changed(egg, { ...rest, name: "Other", tty: true } as EggDefinition)).toEqual([
    { path: "name", before: egg.name, after: "Other" },
    { path: "description", before: description, after: undefined },
    { path: "tty", before: undefined, after: "true" },
  ]);
});

test("a variable that goes does not change those that follow", () => {
  const after = { ...egg, variables: egg.variables.slice(1) };
  const paths = ["name", "description", "required", "pattern", "defaultValue"];
  expect(
    changed(egg, after)
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
  expect(changed(world({}), after)).toEqual([
    { path: "panel.startupCommands[Default].command", before: "run", after: "run fast" },
    { path: "panel.install.script", before: "true", after: "make" },
    { path: 'panel.configFiles["a.yml"].replacements[port].value', before: "1", after: "2" },
  ]);
});

test("of long texts the part is told where they differ, and of many changes no more than the bound", () => {
  const script = (end: string): string => `${"line\n".repeat(1_000)}the last ${end}`;
  const long = (end: string) =>
    world({ scripts: { installation: { script: script(end), container: "x", entrypoint: "" } } });
  expect(changed(long("one"), long("two"))).toEqual([
    { path: "panel.install.script", before: "the last one", after: "the last two" },
  ]);
  const line = (end: string) => world({ description: `${"x".repeat(5_000)}${end}` });
  const [change] = changed(line("a"), line("b"));
  expect(change?.before?.endsWith("xa")).toBe(true);
  expect(change?.before?.length).toBeLessThanOrEqual(TEXT_MAX);
  const many = Array.from({ length: 300 }, (_, index) => ({ ...variable, name: `V${index}`, defaultValue: "1" }));
  const { changes, total } = eggChanges({ ...egg, variables: [] }, { ...egg, variables: many });
  expect([changes.length, total]).toEqual([CHANGES_MAX, many.length * 5]);
});

test("images, startup and the install script come first, however much else changes", () => {
  const many = Array.from({ length: 300 }, (_, index) => ({ name: `V${index}`, env_variable: `V${index}` }));
  const after = world({
    variables: many,
    docker_images: { Box: "box:2" },
    startup: "run fast",
    scripts: { installation: { script: "make", container: "box:2", entrypoint: "sh" } },
  });
  expect(changed(world({}), after).slice(0, 5)).toEqual([
    { path: "image", before: "box:1", after: "box:2" },
    { path: "images[Box].image", before: "box:1", after: "box:2" },
    { path: "panel.startupCommands[Default].command", before: "run", after: "run fast" },
    { path: "panel.install.script", before: "true", after: "make" },
    { path: "panel.install.image", before: "box:1", after: "box:2" },
  ]);
  const line = (docker: string): EggDefinition => ({ ...egg, description: docker, startup: { docker } });
  expect(changed(line("a"), line("b")).map(({ path }) => path)).toEqual(["startup.docker", "description"]);
});

test("no name that an egg gives its own fields hides the change of another one", () => {
  const before = world({});
  const facts = { ...before.panel, install: { script: "evil", image: "box:1", entrypoint: "sh" } };
  // As they would be without quotes, after the script itself; the last one names a second variable A.
  const odd = { "install.script": "true", 'install"].script': "true", "": "1", "\ud800\0": "1" };
  const variables = ["A", "A", "A 2", "A] [B"].map((name) => ({ ...variable, name, defaultValue: name }));
  const after = { ...before, variables, panel: { ...facts, ...odd }, "panel.install.script": "true" } as EggDefinition;
  const changes = changed(before, after);
  expect(changes.slice(0, 1)).toEqual([{ path: "panel.install.script", before: "true", after: "evil" }]);
  const paths = changes.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      ...['panel."install.script"', 'panel.""', 'panel."\\ud800\\u0000"', '"panel.install.script"'],
      ...["variables[A].name", "variables[A 2].name", 'variables["A 2"].name'],
    ]),
  );
  expect(new Set(paths).size).toBe(paths.length);
});

test("names of any length around any number of fields cost their own size alone, and stay apart", () => {
  const path = "x".repeat(500_000);
  const replacements = Array.from({ length: 20_000 }, (_, index) => ({ match: `${index}`, value: "1" }));
  const { panel } = world({});
  const having = (...paths: string[]): EggDefinition => {
    const configFiles = paths.map((path) => ({ path, parser: "yaml", replacements }));
    return { ...egg, panel: { ...(panel ?? expect.fail()), configFiles } };
  };
  const { changes, total } = eggChanges(having(), having(`${path}a`, `${path}b`));
  // Its path, its parser, and of each value where and what.
  expect(total).toBe(2 * (2 + 2 * replacements.length));
  expect(Math.max(...changes.map((one) => one.path.length))).toBeLessThan(300);
  expect(new Set(changes.map((one) => one.path)).size).toBe(CHANGES_MAX);
  const [went, came] = [changed(having(`${path}a`), having()), changed(having(), having(`${path}b`))];
  expect(went[0]?.path).toMatch(/^panel\.configFiles\["x{128}"…[0-9a-f]{32}\]\.path$/);
  expect(came[0]?.path).not.toBe(went[0]?.path);
});
