import { expect, test } from "vitest";
import { Refusal } from "../domain/refusal.ts";
import { helloHttp } from "./builtin/hello-http.ts";
import { postgres } from "./builtin/postgres.ts";
import { draftFindings, type EggEdit, editedEgg } from "./edited-egg.ts";
import type { EggDefinition, EggVariable } from "./egg-definition.ts";
import { importEgg } from "./interchange/import-egg.ts";
import { readJson } from "./interchange/json-reader.ts";

const world = (changes: object = {}): EggDefinition => {
  const text = JSON.stringify({
    meta: { version: "PLCN_v3", update_url: "https://example.org/world.json" },
    name: "World",
    uuid: "8d0b4a20-3f0e-4b7e-9d56-0a4b1c2d3e4f",
    docker_images: { "Box 2": "box:2", "Box 1": "box:1" },
    startup_commands: { Default: "run {{MAP}}", Debug: "run -x" },
    config: { files: {}, startup: { done: "up" }, logs: {}, stop: "quit" },
    scripts: { installation: { script: "true", container: "box:1", entrypoint: "sh" } },
    variables: [{ name: "Map", env_variable: "MAP", default_value: "a", rules: ["required"], sort: 3 }],
    ...changes,
  });
  return importEgg({ syntax: "json", text, ...readJson(text) }, { id: null, categoryId: null }).definition;
};
const refusal = (egg: EggDefinition, edit: EggEdit): string => {
  try {
    editedEgg(egg, edit);
    return "done";
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return `${thrown.field}: ${thrown.message}`;
  }
};

test.each([
  ["hello-http", helloHttp],
  ["postgres", postgres],
  ["a panel's", world()],
  ["a panel's without a command", world({ startup_commands: {} })],
  [
    "a panel's with a variable that is there twice",
    world({ variables: [{ env_variable: "A" }, { env_variable: "A" }] }),
  ],
])("an edit of one field leaves all others as they are: %s", (_, egg) => {
  expect(editedEgg(egg, {})).toEqual(egg);
  expect(editedEgg(egg, { description: "Mended." })).toEqual({ ...egg, description: "Mended." });
});

test("a variable that is written anew keeps what only it knows, and is required where its rules say so", () => {
  const variable = {
    name: "MAP",
    description: "",
    defaultValue: "b",
    required: false,
    pattern: "",
    rules: ["required"],
  };
  const { variables } = editedEgg(world(), { variables: [variable, { ...variable, name: "NEW", rules: [] }] });
  expect(variables).toMatchObject([
    { name: "MAP", defaultValue: "b", sort: 3, required: true },
    { name: "NEW", required: false },
  ]);
});

test("a mask that is written back leaves the default that it hides, and is never a default itself", () => {
  const key = { name: "KEY", description: "", required: false, pattern: "", userViewable: false };
  const egg = { ...helloHttp, variables: [{ ...key, defaultValue: "shy" }] };
  const set = (...variables: EggEdit["variables"] & object) => ({ variables });
  const masked = { ...key, defaultValue: "***" };
  const { variables } = editedEgg(egg, set({ ...masked, description: "New." }));
  expect(variables).toEqual([{ ...key, defaultValue: "shy", description: "New." }]);
  const refused = (before: EggDefinition, variable: EggVariable) =>
    refusal(before, set({ ...key, name: "OTHER", defaultValue: "" }, variable));
  // It would show what it hides; it is new; it hid nothing.
  expect(refused(egg, { ...masked, userViewable: true })).toMatch(/^egg\.variables\.1\.default_value: .*KEY hides/);
  expect(refused(egg, { ...masked, name: "NEW" })).toMatch(/^egg\.variables\.1\.default_value: /);
  const open = { ...egg, variables: [{ ...key, defaultValue: "shy", userViewable: true }] };
  expect(refused(open, masked)).toMatch(/^egg\.variables\.1\.default_value: /);
  expect(refused({ ...egg, variables: [{ ...key, defaultValue: "" }] }, masked)).toMatch(/default_value: /);
  const literal = { ...egg, variables: [{ ...masked, userViewable: true }] };
  expect(editedEgg(literal, set({ ...masked, userViewable: true }))).toEqual(literal);
});

test("what a panel's egg says of images, commands and stop is said where its containers and its export look", () => {
  const images = [{ name: "", image: "box:9" }];
  const facts = { startupCommands: [{ name: "Default", command: "go" }] };
  const egg = editedEgg(world(), { images, stop: { command: "", signal: "SIGINT" }, panel: { whole: false, facts } });
  expect(egg).toMatchObject({
    image: "box:9",
    images: [{ name: "box:9" }],
    stop: { signal: "SIGINT", graceMs: 30_000 },
  });
  expect(egg.stop).not.toHaveProperty("command");
  expect(egg.startup["docker"]).toMatch(/exec "\$shell" -c 'go'$/);
  expect(egg.panel).toMatchObject({ stop: "^C", done: ["up"], install: { script: "true" } });
});

test("another grace leaves a panel's word for its stop as it is spelled, and a signal is none of its commands", () => {
  for (const stop of ["^^C", "^no_signal", " quit "]) {
    const egg = world({ config: { stop } });
    const after = editedEgg(egg, { stop: { graceMs: 1_000 } });
    expect(after).toEqual({ ...egg, stop: { ...egg.stop, graceMs: 1_000 } });
    expect(after.panel?.stop).toBe(stop);
  }
  const own = { ...helloHttp, stop: { ...helloHttp.stop, command: "^bye" } };
  const facts = { startupCommands: [{ name: "Default", command: "go" }] };
  expect(refusal(world(), { stop: { command: "^C" } })).toMatch(/^egg\.stop_command: .*"\^C" begins with \^/);
  expect(refusal(own, { startup: {}, panel: { whole: true, facts } })).toMatch(/^egg\.stop_command: /);
  expect(editedEgg(own, { stop: { graceMs: 1_000 } }).stop).toEqual({ ...own.stop, graceMs: 1_000 });
});

test("an egg becomes a panel's, keeps its way to stop, and is one of Lormas' own again", () => {
  const facts = { startupCommands: [{ name: "Default", command: "go" }] };
  const own = { ...helloHttp, ports: [], volumes: [], stop: { signal: "SIGTERM", graceMs: 1_000, command: "bye" } };
  const panels = editedEgg(own, { panel: { whole: true, facts } });
  expect(Object.keys(panels.startup)).toEqual(["docker"]);
  expect(panels).toMatchObject({ panel: { stop: "bye", done: [] }, ports: [{ name: "game" }, { name: "game-udp" }] });
  expect(refusal(panels, { panel: null })).toMatch(/^egg\.startup: /);
  const back = editedEgg(panels, { panel: null, startup: { exec: "go" } });
  expect(back).toMatchObject({ startup: { exec: "go" }, stop: { signal: "SIGTERM", graceMs: 1_000, command: "bye" } });
  expect(back).not.toHaveProperty("panel");
});

test("a whole panel keeps which egg it is, and nothing else that is not said", () => {
  const facts = { startupCommands: [{ name: "Default", command: "go" }] };
  const { panel } = editedEgg(world(), { panel: { whole: true, facts } });
  expect(panel).toMatchObject({ uuid: world().panel?.uuid, stop: "quit", updateUrl: "", done: [], install: null });
});

test("what could not be stored, or has no place, is refused with its field", () => {
  const half = String.fromCharCode(0xd800);
  expect(refusal(helloHttp, { description: `a${half}` })).toMatch(/^egg\.description: .*surrogate/);
  expect(refusal(helloHttp, { description: "x".repeat(800_000) })).toMatch(/^egg: .* bytes; at most/);
  expect(refusal(helloHttp, { stop: { signal: "9" } })).toMatch(/^egg\.stop_signal: /);
  const facts = { startupCommands: [] };
  expect(refusal(world(), { panel: { whole: false, facts } })).toMatch(/^egg\.panel\.startup_commands: /);
});

test("a health check of a port that there is not, and a rule that is not checked, are found", () => {
  const variable = { name: "A", description: "", defaultValue: "", required: false, pattern: "", rules: ["unique:a"] };
  const health = { kind: "tcp" as const, portName: "none", path: "", command: "", intervalMs: 1_000, timeoutMs: 1_000 };
  const egg = editedEgg(helloHttp, { health, variables: [variable] });
  expect(draftFindings(egg)).toMatchObject([
    { level: "error", path: "health.port" },
    { level: "warning", path: "variables[0].rules" },
  ]);
  expect(draftFindings(helloHttp)).toEqual([]);
});
