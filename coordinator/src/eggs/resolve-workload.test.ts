import fc from "fast-check";
import { expect, test } from "vitest";
import { runtimesOf } from "../domain/workload.ts";
import { helloHttp } from "./builtin/hello-http.ts";
import { postgres } from "./builtin/postgres.ts";
import { staticSite } from "./builtin/static-site.ts";
import type { EggDefinition } from "./egg-definition.ts";
import { type DocumentRecord, documentOf } from "./interchange/document-value.ts";
import { readEgg } from "./interchange/read-egg.ts";
import { resolveWorkload, VALUE_LENGTH_MAX, type WorkloadWish } from "./resolve-workload.ts";
import { RESOURCE_BOUNDS } from "./resource-bounds.ts";

const nothing: WorkloadWish = { environment: {}, hostPorts: {}, resources: {} };
const egg = (changes: Partial<EggDefinition>): EggDefinition => ({ ...helloHttp, ...changes });
const fieldsOf = (definition: EggDefinition, wish: Partial<WorkloadWish>): string[] => {
  const resolved = resolveWorkload(definition, { ...nothing, ...wish });
  return resolved.ok ? [] : resolved.problems.map(({ field }) => field);
};
const specOf = (definition: EggDefinition, wish: Partial<WorkloadWish> = {}) => {
  const resolved = resolveWorkload(definition, { ...nothing, ...wish });
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return resolved;
};

test("an empty wish takes the egg's defaults", () => {
  const { spec, resources } = specOf(helloHttp);
  expect(spec.env).toEqual({ GREETING: "hello" });
  expect(spec.ports).toEqual([{ name: "http", containerPort: 8080, protocol: "tcp", fixedHostPort: null }]);
  expect(resources).toEqual(helloHttp.defaultResources);
});

test("zero in a resource field takes the egg's default, another number replaces it", () => {
  const { resources } = specOf(helloHttp, { resources: { cpuMillis: 0, memoryBytes: 8 * 1024 ** 2 } });
  expect(resources).toEqual({ cpuMillis: 250, memoryBytes: 8 * 1024 ** 2, diskBytes: 0 });
});

test("everything wrong with a wish is named at once, by field", () => {
  const wish = {
    environment: { NOPE: "1", GREETING: "two\nlines", __proto__x: "2" },
    hostPorts: { https: 443, http: 70_000 },
    resources: { cpuMillis: 9, memoryBytes: 1, diskBytes: -1 },
  };
  expect(fieldsOf(helloHttp, wish).sort()).toEqual(
    [
      "environment.GREETING",
      "environment.NOPE",
      "environment.__proto__x",
      "hostPorts.http",
      "hostPorts.https",
      "resources.cpuMillis",
      "resources.diskBytes",
      "resources.memoryBytes",
    ].sort(),
  );
});

test("a required variable without a value is refused, and no reason repeats a value", () => {
  expect(fieldsOf(postgres, {})).toEqual(["environment.POSTGRES_PASSWORD"]);
  const short = resolveWorkload(postgres, { ...nothing, environment: { POSTGRES_PASSWORD: "geheim" } });
  expect(short.ok).toBe(false);
  expect(JSON.stringify(short)).not.toContain("geheim");
});

test("names from Object.prototype are no variables and no ports", () => {
  expect(fieldsOf(helloHttp, { environment: { constructor: "x" }, hostPorts: { toString: 80 } })).toEqual([
    "environment.constructor",
    "hostPorts.toString",
  ]);
});

test("the same fixed host port cannot be asked for twice with one protocol, but may with two", () => {
  const port = (name: string, protocol: "tcp" | "udp") => ({ name, containerPort: 1, protocol });
  const two = egg({ ports: [port("a", "tcp"), port("b", "tcp"), port("c", "udp")] });
  expect(fieldsOf(two, { hostPorts: { a: 80, b: 80, c: 80 } })).toEqual(["hostPorts.b"]);
});

test("a value at its length bound is taken and one above is refused", () => {
  expect(fieldsOf(staticSite, { environment: { CONTENT: "x".repeat(VALUE_LENGTH_MAX) } })).toEqual([]);
  expect(fieldsOf(staticSite, { environment: { CONTENT: "x".repeat(VALUE_LENGTH_MAX + 1) } })).toEqual([
    "environment.CONTENT",
  ]);
  expect(fieldsOf(staticSite, { environment: { CONTENT: "a\0b" } })).toEqual(["environment.CONTENT"]);
});

test("an environment above its bound as a whole is refused", () => {
  const variable = (index: number) => ({
    name: `V${index}`,
    description: "",
    defaultValue: "",
    required: false,
    pattern: "",
  });
  const many = egg({ variables: Array.from({ length: 20 }, (_, index) => variable(index)) });
  const environment = Object.fromEntries(many.variables.map(({ name }) => [name, "x".repeat(VALUE_LENGTH_MAX)]));
  expect(fieldsOf(many, { environment })).toEqual(["environment"]);
});

test("a command line above its bound is refused", () => {
  const variables = [{ name: "V", description: "", defaultValue: "", required: false, pattern: "" }];
  const wordy = egg({ variables, startup: { exec: "echo {{V}} {{V}} {{V}} {{V}} {{V}} {{V}} {{V}} {{V}} {{V}}" } });
  expect(fieldsOf(wordy, { environment: { V: "x".repeat(VALUE_LENGTH_MAX) } })).toEqual(["environment"]);
});

test("a pattern that backtracks for ever is given up, a malformed one is named; both in bounded time", () => {
  const withPattern = (pattern: string) =>
    egg({ variables: [{ name: "V", description: "", defaultValue: "", required: false, pattern }] });
  const evil = resolveWorkload(withPattern("(a+)+"), { ...nothing, environment: { V: `${"a".repeat(64)}!` } });
  expect(evil).toMatchObject({
    ok: false,
    problems: [{ field: "environment.V", reason: expect.stringContaining("too long") }],
  });
  expect(fieldsOf(withPattern("(a"), { environment: { V: "a" } })).toEqual(["environment.V"]);
});

test("a pattern must match the whole value", () => {
  expect(fieldsOf(postgres, { environment: { POSTGRES_PASSWORD: "12345678", POSTGRES_DB: "ok; drop" } })).toEqual([
    "environment.POSTGRES_DB",
  ]);
  const either = egg({
    variables: [{ name: "V", description: "", defaultValue: "", required: false, pattern: "a|b" }],
  });
  expect(fieldsOf(either, { environment: { V: "ab" } })).toEqual(["environment.V"]);
});

test("an egg whose startup names an unknown variable is refused", () => {
  expect(fieldsOf(egg({ startup: { exec: "run {{MISSING}}" } }), {})).toEqual(["eggId"]);
});

const panelEgg = (changes: Partial<EggDefinition> = {}): EggDefinition => {
  const document = documentOf({
    name: "World",
    docker_images: { "Java 21": "java:21", "Java 8": "java:8" },
    startup_commands: { Default: 'java -Xmx{{SERVER_MEMORY}}M "{{NAME}}"', Debug: "java -debug {{env.NAME}}" },
    variables: [
      { env_variable: "NAME", default_value: "w", rules: ["required", "string", "max:5"] },
      { env_variable: "SLOTS", default_value: "", rules: "nullable|integer|between:1,64" },
      { env_variable: "ODD", default_value: "x", rules: "unique:worlds" },
      { env_variable: "not a name", default_value: "x" },
      { env_variable: "SERVER_PORT", default_value: "1" },
    ],
  });
  return { ...readEgg(document as DocumentRecord, { id: null, categoryId: null }).definition, ...changes };
};

test("a panel's egg gets the environment that a panel gives, and its own variables beside it", () => {
  const { spec } = specOf(panelEgg(), { resources: { memoryBytes: 512 * 1024 ** 2 } });
  expect(spec.env).toEqual({
    NAME: "w",
    SLOTS: "",
    ODD: "x",
    STARTUP: 'java -Xmx{{SERVER_MEMORY}}M "{{NAME}}"',
    SERVER_MEMORY: "512",
    SERVER_IP: "0.0.0.0",
    SERVER_PORT: "25565",
    TZ: "UTC",
  });
  expect(spec.startup["docker"]).toContain(`java -Xmx\${SERVER_MEMORY}M "\${NAME}"`);
  expect(spec.image).toBe("java:21");
});

test("one of an egg's images and commands is taken by its name, and another is refused with those there are", () => {
  const { spec } = specOf(panelEgg(), { image: "Java 8", startupCommand: "Debug" });
  expect([spec.image, spec.env["STARTUP"]]).toEqual(["java:8", "java -debug {{NAME}}"]);
  expect(spec.startup["docker"]).toContain(`java -debug \${NAME}`);
  expect(specOf(panelEgg(), { image: "java:8" }).spec.image).toBe("java:8");
  const refused = resolveWorkload(panelEgg(), { ...nothing, image: "Java 9", startupCommand: "Fast" });
  expect(refused).toMatchObject({
    ok: false,
    problems: [
      { field: "image", reason: 'egg world has no such image; it has "Java 21", "Java 8"' },
      { field: "startupCommand", reason: 'egg world has no such startup command; it has "Default", "Debug"' },
    ],
  });
  expect(fieldsOf(helloHttp, { image: helloHttp.image })).toEqual([]);
  expect(fieldsOf(helloHttp, { image: "else:1" })).toEqual(["image"]);
});

test("a value that breaks a rule is refused in words, by the variable's name, and is not repeated", () => {
  const refused = resolveWorkload(panelEgg(), { ...nothing, environment: { NAME: "geheim", SLOTS: "65" } });
  expect(refused).toMatchObject({
    ok: false,
    problems: [
      { field: "environment.NAME", reason: "NAME must have at most 5 characters" },
      { field: "environment.SLOTS", reason: "SLOTS must be 1 to 64" },
    ],
  });
  expect(JSON.stringify(refused)).not.toContain("geheim");
  expect(fieldsOf(panelEgg(), { environment: { NAME: "  " } })).toEqual(["environment.NAME"]);
  expect(fieldsOf(panelEgg(), { environment: { ODD: "any", "not a name": "x" } })).toEqual(["environment.not a name"]);
});

test("a terminal is the egg's wish or its user's, and of an egg that no runtime can give one it is refused", () => {
  expect(specOf(helloHttp).spec).not.toHaveProperty("tty");
  expect(specOf(helloHttp, { tty: true }).spec.tty).toBe(true);
  expect(specOf(egg({ tty: true })).spec.tty).toBe(true);
  expect(specOf(egg({ tty: true }), { tty: false }).spec).not.toHaveProperty("tty");
  const plain = { startup: { exec: "true" } };
  expect(specOf(egg(plain)).spec).not.toHaveProperty("tty");
  expect(fieldsOf(egg(plain), { tty: true })).toEqual(["tty"]);
  expect(fieldsOf(egg({ ...plain, tty: true }), {})).toEqual(["eggId"]);
  expect(runtimesOf(specOf(helloHttp, { tty: true }).spec)).toEqual(["docker"]);
});

test("an egg without an image makes no container", () => {
  expect(fieldsOf(panelEgg({ image: "", images: [] }), {})).toEqual(["eggId"]);
});

test("resources are taken exactly when they are whole numbers within their bounds", () => {
  const bound = RESOURCE_BOUNDS.cpuMillis;
  fc.assert(
    fc.property(
      fc.oneof(fc.integer(), fc.double(), fc.constantFrom(bound.min, bound.max, bound.max + 1)),
      (cpuMillis) => {
        const fits = Number.isInteger(cpuMillis) && cpuMillis >= bound.min && cpuMillis <= bound.max;
        expect(fieldsOf(helloHttp, { resources: { cpuMillis } }).length === 0).toBe(fits || cpuMillis === 0);
      },
    ),
  );
});

test("whatever the wish is, it is either resolved completely or refused with reasons, and never throws", () => {
  const wishes = fc.record({
    environment: fc.dictionary(fc.oneof(fc.constant("GREETING"), fc.string()), fc.string()),
    hostPorts: fc.dictionary(fc.oneof(fc.constant("http"), fc.string()), fc.oneof(fc.integer(), fc.double())),
    resources: fc.record({ cpuMillis: fc.double(), memoryBytes: fc.double(), diskBytes: fc.double() }),
  });
  fc.assert(
    fc.property(wishes, (wish) => {
      const resolved = resolveWorkload(helloHttp, wish);
      if (resolved.ok) {
        expect(Object.keys(resolved.spec.env)).toEqual(["GREETING"]);
        expect(Object.keys(wish.environment).every((name) => name === "GREETING")).toBe(true);
        return;
      }
      expect(resolved.problems.length).toBeGreaterThan(0);
      for (const { field, reason } of resolved.problems) expect(field !== "" && reason !== "").toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("what is too long is refused with the bound and without its length, which secrets of others are part of", () => {
  const variable = { description: "", required: false, pattern: "", defaultValue: "" };
  const names = Array.from({ length: 17 }, (_, number) => `V${number}`);
  const many = egg({
    variables: names.map((name) => ({ ...variable, name })),
    startup: { exec: `run ${names.map((name) => `{{${name}}}`).join(" ")}` },
  });
  const environment = Object.fromEntries(names.map((name) => [name, "x".repeat(VALUE_LENGTH_MAX)]));
  const resolved = resolveWorkload(many, { ...nothing, environment });
  expect(resolved).toMatchObject({
    ok: false,
    problems: [
      { field: "environment", reason: "is too long in all: at most 131072 bytes" },
      { field: "environment", reason: "makes a command line that is too long: at most 65536 bytes" },
    ],
  });
  const tooLong = { ...nothing, environment: { GREETING: "x".repeat(VALUE_LENGTH_MAX + 1) } };
  expect(resolveWorkload(egg({}), tooLong)).toMatchObject({
    problems: [{ field: "environment.GREETING", reason: "is too long: at most 8192 characters" }],
  });
});
