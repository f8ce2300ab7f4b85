import { describe, expect, test } from "vitest";
import { type DocumentRecord, documentOf } from "./document-value.ts";
import { type EggFinding, FINDINGS_MAX, reportOf } from "./egg-finding.ts";
import { slugOf } from "./egg-id.ts";
import { readEgg } from "./read-egg.ts";
import { VARIABLES_MAX } from "./read-variables.ts";
import { stopOf } from "./stop-signal.ts";

const minimal = { meta: { version: "PTDL_v2" }, name: "Tiny World", docker_images: { Box: "busybox:1.36" } };
const read = (fields: object) =>
  readEgg(documentOf({ ...minimal, ...fields }) as DocumentRecord, { id: null, categoryId: null });
const levels = (findings: readonly EggFinding[], path: string) =>
  findings.filter((finding) => finding.path === path).map(({ level }) => level);

test("an egg of a panel becomes one that runs on docker: image, startup, files on a volume, one allocation", () => {
  const { definition, findings } = read({
    exported_at: "2026-01-02T03:04:05+00:00",
    author: "ann@example.org",
    uuid: "8d0b4a20-3f0e-4b7e-9d56-0a4b1c2d3e4f",
    description: "A world.",
    docker_images: { "Java 21": "java:21", "Java 8": "java:8" },
    startup: "./world --port {{SERVER_PORT}}",
    features: ["eula"],
    file_denylist: ["secret.txt"],
    config: {
      files: '{"a.yml":{"parser":"yaml","find":{"port":"{{server.build.default.port}}","on":{"true":false}}}}',
      startup: '{"done":"ready"}',
      logs: "{}",
      stop: "^C",
    },
    scripts: { installation: { script: "#!/bin/ash", container: "alpine:3", entrypoint: "ash" } },
    variables: [
      {
        name: "Map",
        description: "",
        env_variable: "MAP",
        default_value: 7,
        user_viewable: 1,
        user_editable: "0",
        rules: "required|max:20",
      },
    ],
  });
  expect(definition).toMatchObject({
    id: "tiny-world",
    categoryId: "imported",
    version: "2026-01-02T03:04:05+00:00",
    image: "java:21",
    images: [
      { name: "Java 21", image: "java:21" },
      { name: "Java 8", image: "java:8" },
    ],
    ports: [
      { name: "game", protocol: "tcp" },
      { name: "game-udp", protocol: "udp" },
    ],
    volumes: [{ name: "data", path: "/home/container", kind: "local" }],
    stop: { signal: "SIGINT" },
    variables: [
      { name: "MAP", displayName: "Map", defaultValue: "7", required: true, userViewable: true, userEditable: false },
    ],
    panel: {
      author: "ann@example.org",
      startupCommands: [{ name: "Default", command: "./world --port {{SERVER_PORT}}" }],
      done: ["ready"],
      install: { script: "#!/bin/ash", image: "alpine:3", entrypoint: "ash" },
      configFiles: [
        {
          path: "a.yml",
          parser: "yaml",
          replacements: [
            { match: "port", value: "{{server.build.default.port}}" },
            { match: "on", value: [{ ifValue: "true", value: false }] },
          ],
        },
      ],
    },
  });
  for (const path of ["features", "file_denylist"])
    expect([path, levels(findings, path)]).toEqual([path, ["not_used"]]);
  for (const path of ["config.files", "scripts.installation"]) {
    expect([path, levels(findings, path)]).toEqual([path, ["note"]]);
  }
  expect(levels(findings, "config.startup.done")).toEqual([]);
  expect(levels(findings, "config.stop")).toEqual([]);
});

describe("every spelling is read", () => {
  test.each([
    [{ docker_images: ["a:1", "b:2"] }, ["a:1=a:1", "b:2=b:2"]],
    [{ docker_images: {}, images: ["a:1"] }, ["a:1=a:1"]],
    [{ docker_images: null, image: "a:1" }, ["a:1=a:1"]],
    [{ docker_images: null, docker_image: "a:1" }, ["a:1=a:1"]],
    [{ docker_images: null, images: { one: "a:1" }, image: "data:image/png;base64,AA" }, ["one=a:1"]],
    [{ docker_images: null, image: "https://example.org/icon.png" }, []],
  ])("images %j", (fields, images) => {
    expect(read(fields).definition.images?.map(({ name, image }) => `${name}=${image}`)).toEqual(images);
  });

  test.each([
    [{ startup: "a" }, ["Default=a"]],
    [{ startup_commands: { Default: "a", Debug: "b" } }, ["Default=a", "Debug=b"]],
    [{ startup_commands: ["a", "b"] }, ["Default=a", "Default 2=b"]],
    [{ startup: null }, []],
  ])("startup %j", (fields, commands) => {
    const { panel } = read(fields).definition;
    expect(panel?.startupCommands.map(({ name, command }) => `${name}=${command}`)).toEqual(commands);
  });

  test.each([
    [{ startup: '{\r\n"done":"up"}' }, ["up"]],
    [{ startup: { done: ["up", "ready"] } }, ["up", "ready"]],
    [{ startup: '{"done":[]}' }, []],
    [{ startup: "" }, []],
    [{ startup: [] }, []],
    [{ startup: "no JSON" }, []],
    [null, []],
  ])("config %j", (config, done) => {
    expect(read({ config }).definition.panel?.done).toEqual(done);
  });

  test.each([
    ["^C", "SIGINT", []],
    ["^^C", "SIGINT", []],
    ["^SIGTERM", "SIGTERM", []],
    ["^sigquit", "SIGQUIT", []],
    ["^X", "SIGTERM", ["warning"]],
    ["", "SIGTERM", ["note"]],
    ["x".repeat(1_001), "SIGTERM", ["warning"]],
    ["a\0b", "SIGTERM", ["warning"]],
  ])("stop %j is %s", (stop, signal, found) => {
    const { definition, findings } = read({ config: { stop } });
    expect([definition.stop.signal, levels(findings, "config.stop")]).toEqual([signal, found]);
    expect(stopOf(definition).command).toBeUndefined();
  });

  test.each(["stop", " quit\n", "save-all\nend", "x".repeat(1_000)])(
    "stop %j is typed, and nothing is amiss",
    (stop) => {
      const { definition, findings } = read({ config: { stop } });
      expect(stopOf(definition)).toMatchObject({ signal: "SIGTERM", command: stop.trim() });
      expect(levels(findings, "config.stop")).toEqual([]);
    },
  );
});

test("what cannot be used or is not checked is said, by its place", () => {
  const { definition, findings } = read({
    docker_images: {},
    startup: "run {{config.docker.interface}}",
    colour: "red",
    meta: { version: "PTDL_v2", extra: 1 },
    variables: [
      { env_variable: "A B", default_value: "" },
      { env_variable: "A", rules: "required|unique:x", default_value: "1", colour: 1 },
      { env_variable: "A", rules: "max:1", default_value: "secret" },
      { env_variable: "SERVER_PORT" },
      { env_variable: "RCON_PORT" },
      "nothing",
    ],
  });
  expect(definition.image).toBe("");
  const at = (path: string) => levels(findings, path);
  expect(at("docker_images")).toEqual(["error"]);
  expect(at("startup")).toEqual(["warning"]);
  expect(at("colour")).toEqual(["note"]);
  expect(at("meta.extra")).toEqual(["note"]);
  expect(at("variables")).toEqual(["error"]);
  expect(at("variables[0].env_variable")).toEqual(["error"]);
  expect(at("variables[1].rules")).toEqual(["warning"]);
  expect(at("variables[1].colour")).toEqual(["note"]);
  expect(at("variables[2].env_variable")).toEqual(["warning"]);
  expect(at("variables[2].default_value")).toEqual(["warning"]);
  expect(at("variables[3].env_variable")).toEqual(["warning"]);
  expect(at("variables[4].env_variable")).toEqual(["warning"]);
  expect(findings.find(({ path }) => path === "variables[1].rules")?.message).toContain("NOT checked");
  expect(JSON.stringify(findings)).not.toContain("secret");
});

test.each([
  ["Forge Minecraft", "forge-minecraft"],
  ["  Überwelt 2: Électron! ", "uberwelt-2-electron"],
  ["x".repeat(80), "x".repeat(63)],
  ["世界 🎮", expect.stringMatching(/^egg-[0-9a-f]{12}$/)],
])("%j has the id %s", (name, id) => {
  expect(slugOf(name)).toEqual(id);
  expect(read({ name }).definition.id).toEqual(id);
});

test.each([
  [{ name: "" }, "no name"],
  [{ name: "x".repeat(1_025) }, "1025 characters"],
  [{ variables: Array.from({ length: VARIABLES_MAX + 1 }, () => ({})) }, `at most ${VARIABLES_MAX}`],
])("a document that is no egg is refused: %#", (fields, reason) => {
  expect(() => read(fields)).toThrow(reason);
});

test("findings repeat no more than the beginning of a name, however many there are", () => {
  const rules = Array.from({ length: FINDINGS_MAX }, (_, index) => `unknown_${index}`);
  const { findings } = read({
    variables: [{ env_variable: "x".repeat(500_000), default_value: "", rules: [...rules, "required"] }],
  });
  expect(findings.length).toBeGreaterThan(FINDINGS_MAX);
  expect(Math.max(...findings.map(({ message }) => message.length))).toBeLessThan(400);
});

test("as many variables as may be are taken", () => {
  const variables = Array.from({ length: VARIABLES_MAX }, (_, index) => ({ env_variable: `V${index}` }));
  expect(read({ variables }).definition.variables).toHaveLength(VARIABLES_MAX);
});

test("a report begins with what weighs most and counts what it does not list", () => {
  const note: EggFinding = { level: "note", path: "", message: "n" };
  const findings = [...Array.from({ length: FINDINGS_MAX }, () => note), { ...note, level: "error" as const }];
  const report = reportOf(findings);
  expect(report).toHaveLength(FINDINGS_MAX);
  expect(report[0]?.level).toBe("error");
  expect(report.at(-1)?.message).toBe("and 2 findings more");
  expect(reportOf(findings.slice(1))).toHaveLength(FINDINGS_MAX);
});
