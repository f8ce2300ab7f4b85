import { describe, expect, test } from "vitest";
import { panelEquipment } from "../panel-equipment.ts";
import { documentOf, sameData } from "./document-value.ts";
import { EGG_FORMATS, EGG_SYNTAXES, type EggSyntax } from "./egg-format.ts";
import { exportEgg } from "./export-egg.ts";
import { type Content, importEgg } from "./import-egg.ts";
import { readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";
import { readYaml } from "./yaml-reader.ts";

const contentOf = (text: string, syntax: EggSyntax): Content =>
  syntax === "json" ? { syntax, text, ...readJson(text) } : { syntax, text, value: readYaml(text), repeatedKeys: [] };
const variable = (name: string, rules: string | string[], value: string) => ({
  ...{ name, description: "", env_variable: name, default_value: value, user_viewable: true, user_editable: true },
  rules,
});
const script = (container: string, entrypoint: string) => ({
  installation: { script: `#!/bin/${entrypoint}\r\necho "done"`, container, entrypoint },
});

/** Eggs that people run, typed anew with what makes each of them a case of its own; as their panels write them. */
const EGGS = {
  purpur: {
    meta: { version: "PTDL_v2", update_url: null },
    name: "Purpur",
    features: ["eula", "java_version", "pid_limit"],
    docker_images: { "Java 25": "example.org/yolks:java_25", "Java 8": "example.org/yolks:java_8" },
    startup: "java -XX:MaxRAMPercentage=95.0 -Dterminal.jline=false -jar {{SERVER_JARFILE}}",
    config: {
      files:
        '{\r\n    "server.properties": {\r\n        "parser": "properties",\r\n        "find": {\r\n            "server-ip": "0.0.0.0",\r\n            "server-port": "{{server.build.default.port}}"\r\n        }\r\n    }\r\n}',
      startup: '{\r\n    "done": ")! For help, type "\r\n}',
      ...{ logs: "{}", stop: "stop" },
    },
    scripts: script("example.org/installers:alpine", "ash"),
    variables: [variable("SERVER_JARFILE", "required|regex:/^([\\w\\d._-]+)(\\.jar)$/|max:80", "server.jar")],
  },
  openttd: {
    meta: { version: "PTDL_v2" },
    name: "OpenTTD Server",
    docker_images: { "example.org/yolks:debian": "example.org/yolks:debian" },
    startup: "./openttd -D",
    config: {
      files:
        '{"openttd.cfg":{"parser":"ini","find":{"network.server_name":"{{server.build.env.srv_name}}","network.lan_internet":0}}}',
      ...{ startup: '{"done":["[All]","starting"]}', logs: "[]", stop: "quit" },
    },
    scripts: script("alpine:latest", "ash"),
    variables: [
      variable("srv_name", "required|string|max:20", "Trains"),
      variable("srv_open", "in:true,false", "true"),
    ],
  },
  postgres: {
    meta: { version: "PTDL_v1" },
    name: "Postgres 16",
    images: ["example.org/yolks:postgres_16"],
    startup: "postgres  -D /home/container/postgres_db/",
    config: {
      files:
        '{"postgres_db/postgresql.conf":{"parser":"file","find":{"#port =":"port = {{server.build.default.port}}"}}}',
      ...{ startup: '{"done":"database system is ready to accept connections"}', logs: "{}", stop: "^C" },
    },
    scripts: script("postgres:16-alpine", "bash"),
    variables: [variable("PGPASSWORD", "required|string|max:20", "Pl3453Ch4n63M3!")],
  },
  pocketmine: {
    meta: { version: "PLCN_v3", update_url: "https://example.org/egg.json" },
    ...{
      name: "PocketmineMP",
      uuid: "5d8d8c9e-6a0b-4f6e-9a53-5d0a2d1f0a11",
      tags: ["minecraft"],
      image: "data:image/png;base64,AA==",
    },
    docker_images: { Debian: "example.org/yolks:debian" },
    startup_commands: { Default: "./php ./PocketMine-MP.phar --no-wizard", Debug: "./php -d x ./PocketMine-MP.phar" },
    config: {
      files:
        '{"server.properties":{"parser":"properties","find":{"server-port":"{{server.allocations.default.port}}"}}}',
      ...{ startup: '{"done":")! "}', logs: "{}", stop: "stop" },
    },
    scripts: script("example.org/installers:debian", "bash"),
    variables: [{ ...variable("VERSION", ["required", "string", "in:PM5,PM5PHP83"], "PM5"), sort: 1 }],
  },
} as const;

describe.each(Object.entries(EGGS))("%s", (_name, egg) => {
  const text = writeJson(documentOf(egg), true);
  const one = importEgg(contentOf(text, "json"), { id: null, categoryId: null });

  test("is an egg with nothing amiss, whose script, files and lines are used", () => {
    expect(one.findings.filter(({ level }) => level === "error" || level === "warning")).toEqual([]);
    expect(one.definition.variables.map(({ name }) => name)).toEqual(
      egg.variables.map(({ env_variable }) => env_variable),
    );
    const used = panelEquipment(one.definition);
    expect(used?.readyLines.length).toBeGreaterThan(0);
    expect(used?.configFiles).toHaveLength(1);
    expect(used?.install?.image).toBe(egg.scripts.installation.container);
  });

  test("comes back from every format and syntax with nothing lost", () => {
    expect(exportEgg(one.definition, one.origin, one.format, null).content).toBe(text);
    for (const format of EGG_FORMATS) {
      for (const syntax of EGG_SYNTAXES) {
        const { content } = exportEgg(one.definition, one.origin, format, syntax);
        const two = importEgg(contentOf(content, syntax), { id: one.definition.id, categoryId: null });
        expect([format, syntax, two.definition]).toEqual([format, syntax, one.definition]);
        const back = readJson(exportEgg(two.definition, two.origin, one.format, "json").content).value;
        expect([format, syntax, sameData(back, documentOf(egg))]).toEqual([format, syntax, true]);
      }
    }
  });
});
