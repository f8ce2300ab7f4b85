import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { EggFindingLevel, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { AccessService, ContainerService, EggService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DOCUMENT_BYTES_MAX } from "../eggs/interchange/document-value.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

let rig: PublicPlaneRig;
let eggs: Client<typeof EggService>;
let containers: Client<typeof ContainerService>;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
  eggs = createClient(EggService, transportFor(rig.token));
  containers = createClient(ContainerService, transportFor(rig.token));
});
afterAll(() => rig.close());

const transportFor = (token: string) => bearerTransport(rig.plane.url, token);
const refusal = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
    return "done";
  } catch (thrown) {
    const [detail] = ConnectError.from(thrown).findDetails(ErrorDetailSchema);
    return `${detail?.code} ${detail?.field}: ${detail?.message}`;
  }
};
const sql = <T extends object>(text: string, ...values: unknown[]): Promise<T[]> =>
  rig.database.database.orm.em.fork().execute<T[]>(text, values);
const specOf = async (name: string): Promise<object | undefined> =>
  (await sql<{ spec: object }>("select spec from container where name = ?", name))[0]?.spec;
const rest = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${rig.plane.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${rig.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, never> };
};
const world = (name: string, changes: object = {}): string =>
  JSON.stringify({
    meta: { version: "PTDL_v2", update_url: null },
    exported_at: "2026-01-02T03:04:05+00:00",
    name,
    author: "ann@example.org",
    docker_images: { "Box 2": "busybox:1.37", "Box 1": "busybox:1.36" },
    startup: 'echo "{{GREETING}}" on {{SERVER_PORT}}',
    config: { files: "{}", startup: '{"done":"on"}', logs: "{}", stop: "stop" },
    scripts: { installation: { script: "true", container: "alpine:3", entrypoint: "ash" } },
    variables: [
      { name: "Greeting", env_variable: "GREETING", default_value: "hi", rules: "required|string|max:9", mine: 1 },
      { name: "Odd", env_variable: "ODD", default_value: "", rules: "nullable|unique:worlds" },
    ],
    steam: "7656",
    ...changes,
  }).replace('"steam":"7656"', '"steam":76561198000000001');
const yaml = [
  "# by hand",
  "meta: { version: PLCN_v3, update_url: ~ }",
  "name: Yaml World",
  "docker_images: { Box: 'busybox:1.36' }",
  "startup_commands: { Default: 'echo {{A}}', Debug: 'echo -x {{A}}' }",
  "config: { files: {}, startup: { done: up }, logs: {}, stop: ^C }",
  "variables:",
  "  - { name: A, env_variable: A, default_value: '1', rules: [required, 'regex:/^(1|2)$/'], sort: 1, colour: red }",
  "",
].join("\n");

test("an imported egg is there with a report, makes a container, and comes out to the letter", async () => {
  const content = world("Tiny World");
  const { egg, findings, format, syntax, replaced } = await eggs.importEgg({ content, category: "Games" });
  expect({ format, syntax, replaced }).toEqual({ format: "ptdl_v2", syntax: "json", replaced: false });
  expect(egg).toMatchObject({ id: "tiny-world", category: "Games", categoryId: "games", image: "busybox:1.37" });
  const paths = (level: EggFindingLevel) => findings.filter((one) => one.level === level).map(({ path }) => path);
  expect(paths(EggFindingLevel.NOT_USED)).toEqual([]);
  expect(paths(EggFindingLevel.WARNING)).toEqual(["variables[1].rules"]);
  expect(paths(EggFindingLevel.NOTE)).toEqual(expect.arrayContaining(["steam", "scripts.installation"]));
  expect((await eggs.getEgg({ id: "tiny-world" })).egg).toEqual(egg);
  const out = await eggs.exportEgg({ id: "tiny-world" });
  expect(out).toMatchObject({ content, format: "ptdl_v2", syntax: "json", extraFields: [] });
  const made = await containers.createContainer({
    name: "world-1",
    eggId: "tiny-world",
    environment: { GREETING: "hello" },
    image: "Box 1",
  });
  expect(made.container).toMatchObject({ eggId: "tiny-world" });
  const spec = await specOf("world-1");
  expect(spec).toMatchObject({ stop: { signal: "SIGTERM", graceMs: 30_000, command: "stop" } });
  expect(spec).toMatchObject({ image: "busybox:1.36", env: { GREETING: "hello", SERVER_PORT: "25565" } });
  expect(await refusal(containers.createContainer({ name: "w-2", eggId: "tiny-world", image: "Box 3" }))).toBe(
    'invalid_argument image: image: egg tiny-world has no such image; it has "Box 2", "Box 1"',
  );
  const long = { name: "w-3", eggId: "tiny-world", environment: { GREETING: "far too long" } };
  expect(await refusal(containers.createContainer(long))).toBe(
    "invalid_argument environment.GREETING: environment.GREETING: GREETING must have at most 9 characters",
  );
  expect(await refusal(containers.createContainer({ name: "w-4", eggId: "tiny-world", startupCommand: "x" }))).toMatch(
    /^invalid_argument startup_command: /,
  );
});

test("a YAML egg goes by way of Pterodactyl's format and REST, and comes back with all that only it knows", async () => {
  const { body, status } = await rest("POST", "/api/v1/eggs/import", { content: yaml });
  expect([status, body]).toMatchObject([200, { format: "plcn_v3", egg: { id: "yaml-world", category: "Imported" } }]);
  expect((await eggs.exportEgg({ id: "yaml-world" })).content).toBe(yaml);
  const shown = await rest("GET", "/api/v1/eggs/yaml-world/export?format=ptdl_v2");
  expect(shown.body).toMatchObject({ format: "ptdl_v2", syntax: "json", extraFields: ["panel"] });
  const { egg } = await eggs.getEgg({ id: "yaml-world" });
  const back = await eggs.importEgg({ content: String(shown.body["content"]), replace: true, id: "yaml-world" });
  expect(back.replaced).toBe(true);
  expect(back.egg).toEqual({ ...egg, etag: back.egg?.etag });
  const again = await eggs.exportEgg({ id: "yaml-world", format: "plcn_v3" });
  expect(JSON.parse(again.content)).toMatchObject({
    startup_commands: { Default: "echo {{A}}", Debug: "echo -x {{A}}" },
    variables: [{ rules: ["required", "regex:/^(1|2)$/"], sort: 1, colour: "red" }],
  });
});

test("a rehearsal reports as the import would, and changes nothing", async () => {
  const { egg, findings } = await eggs.importEgg({ content: world("Rehearsed"), category: "Nowhere", dryRun: true });
  expect([egg?.id, findings.length > 0]).toEqual(["rehearsed", true]);
  expect(await refusal(eggs.getEgg({ id: "rehearsed" }))).toMatch(/^not_found id/);
  expect((await eggs.listEggs({})).categories.map(({ name }) => name)).not.toContain("Nowhere");
  await eggs.importEgg({ content: world("Rehearsed") });
  expect(await refusal(eggs.importEgg({ content: world("Rehearsed"), dryRun: true }))).toMatch(/^name_taken id/);
});

test("an egg is replaced only when asked; what was made of it stays as it was", async () => {
  await eggs.importEgg({ content: world("Changing") });
  await containers.createContainer({ name: "changing-1", eggId: "changing" });
  const before = await specOf("changing-1");
  const changed = world("Changing", { docker_images: { New: "new:1" } });
  expect(await refusal(eggs.importEgg({ content: changed }))).toBe(
    'name_taken id: There is an egg "changing" already.',
  );
  const seen = await eggs.importEgg({ content: changed, replace: true, dryRun: true });
  expect(seen.changes).toContainEqual(
    expect.objectContaining({ path: "image", before: "busybox:1.37", after: "new:1" }),
  );
  const done = await eggs.importEgg({ content: changed, replace: true, etag: seen.replacedEtag });
  expect(done).toMatchObject({ replaced: true, changes: seen.changes, changesTotal: seen.changes.length });
  const many = Array.from({ length: 100 }, (_, index) => ({ env_variable: `V${index}`, rules: "nullable" }));
  const grown = await eggs.importEgg({
    content: world("Changing", { variables: many }),
    replace: true,
    dryRun: true,
  });
  expect(grown.changes).toHaveLength(200);
  expect(grown.changesTotal).toBeGreaterThan(1_000);
  expect((await eggs.getEgg({ id: "changing" })).egg?.image).toBe("new:1");
  expect((await eggs.exportEgg({ id: "changing" })).content).toBe(changed);
  expect(await specOf("changing-1")).toEqual(before);
  expect((await eggs.importEgg({ content: changed, id: "changing-too" })).egg?.id).toBe("changing-too");
});

test("eggs that ship are neither replaced nor removed, but exported and copied", async () => {
  const { content } = await eggs.exportEgg({ id: "hello-http", format: "ptdl_v2" });
  expect(await refusal(eggs.importEgg({ content, replace: true }))).toMatch(/^egg_built_in id/);
  expect(await refusal(eggs.deleteEgg({ id: "hello-http" }))).toMatch(/^egg_built_in id/);
  const { egg } = await eggs.importEgg({ content, id: "hello-copy" });
  const { egg: original } = await eggs.getEgg({ id: "hello-http" });
  expect(egg).toEqual({ ...original, etag: egg?.etag, id: "hello-copy", builtIn: false });
});

test("an egg in use is not removed; an unused one is gone with its document and its empty category", async () => {
  await eggs.importEgg({ content: world("Used"), category: "Short Lived" });
  await containers.createContainer({ name: "used-1", eggId: "used" });
  expect(await refusal(eggs.deleteEgg({ id: "used" }))).toBe('egg_in_use id: Egg "used" is used by used-1.');
  await eggs.importEgg({ content: world("Unused"), category: "Shorter Lived" });
  const categories = async () => (await eggs.listEggs({})).categories.map(({ name }) => name);
  expect(await categories()).toEqual(expect.arrayContaining(["Short Lived", "Shorter Lived", "Web"]));
  expect(await rest("DELETE", "/api/v1/eggs/unused")).toMatchObject({ status: 200 });
  expect(await refusal(eggs.exportEgg({ id: "unused" }))).toMatch(/^not_found id/);
  expect(await refusal(eggs.deleteEgg({ id: "unused" }))).toMatch(/^not_found id/);
  expect(await categories()).not.toContain("Shorter Lived");
  const [row] = await sql<{ n: string }>("select count(*) as n from egg_origin where egg_id = 'unused'");
  expect(row?.n).toBe("0");
});

test("of two imports of one new egg at once, one makes it and the other is told", async () => {
  const both = await Promise.all([0, 1].map(() => refusal(eggs.importEgg({ content: world("Twice") }))));
  expect(both.sort()).toEqual(["done", 'name_taken id: There is an egg "twice" already.']);
});

test("what is no egg is refused with the place, the reason and what to do; nothing else comes of it", async () => {
  const of = (content: string) => refusal(eggs.importEgg({ content }));
  expect(await of("{")).toMatch(/^invalid_argument content: The egg cannot be read: line 1/);
  expect(await of("a: [")).toMatch(/^invalid_argument content: The egg cannot be read: line 1/);
  expect(await of("[]")).toBe("invalid_argument content: This is no egg: It is no object.");
  expect(await of('{"name":"x"}')).toMatch(/^invalid_argument content: This is no egg/);
  expect(await of("x".repeat(DOCUMENT_BYTES_MAX + 1))).toMatch(/^invalid_argument content/);
  expect(await refusal(eggs.importEgg({ content: world("X"), id: "Not An Id" }))).toMatch(/^invalid_argument id/);
  expect(await refusal(eggs.importEgg({ content: world("X"), category: "a\u0001" }))).toMatch(
    /^invalid_argument category/,
  );
  expect(await refusal(eggs.exportEgg({ id: "postgres", format: "ptdl_v9" }))).toMatch(/^invalid_argument format/);
});

test("an egg of the greatest size, its name of other letters, is stored and comes out whole", async () => {
  const icon = "A".repeat(DOCUMENT_BYTES_MAX - 2_000);
  const content = world("世界 🎮", { image: `data:image/png;base64,${icon}` });
  const { egg } = await eggs.importEgg({ content });
  expect(egg?.id).toMatch(/^egg-[0-9a-f]{12}$/);
  const out = await eggs.exportEgg({ id: egg?.id ?? "", format: "plcn_v3", syntax: "yaml" });
  expect(out.content).toContain(icon);
  expect((await eggs.exportEgg({ id: egg?.id ?? "" })).content).toBe(content);
});

test("definitions of earlier versions, and eggs without an image, still read; the latter makes no container", async () => {
  await sql(`insert into egg (id, category_id, name, version, built_in, definition, updated_at)
    select 'earlier', 'web', 'Earlier', '1', false, jsonb_set(definition, '{id}', '"earlier"'), now()
    from egg where id = 'static-site'`);
  expect((await eggs.getEgg({ id: "earlier" })).egg).toMatchObject({ images: [], startupCommands: [] });
  expect((await eggs.exportEgg({ id: "earlier" })).format).toBe("lormas");
  await eggs.importEgg({ content: world("Imageless", { docker_images: {} }) });
  expect(await refusal(containers.createContainer({ name: "none-1", eggId: "imageless" }))).toMatch(
    /^invalid_argument egg_id: .*names no image/,
  );
});

const draft = {
  name: "Hand Made",
  category: "Workshop",
  images: [{ name: "Box", image: "busybox:1.36" }],
  startup: { docker: "exec serve --on 8080 --say {{GREETING}}" },
  variables: [{ name: "GREETING", defaultValue: "hi", rules: ["required", "max:9"] }],
  ports: [{ name: "http", containerPort: 8080, protocol: "tcp" }],
  health: { kind: "http", port: "http" },
};

test("an egg that is made by hand is held against an import's rules, makes a container, and is listed in its category", async () => {
  const { egg, findings } = await eggs.createEgg({ egg: draft });
  expect(findings).toEqual([]);
  expect(egg).toMatchObject({
    id: "hand-made",
    category: "Workshop",
    categoryId: "workshop",
    version: "1",
    builtIn: false,
  });
  expect(egg).toMatchObject({
    image: "busybox:1.36",
    stopSignal: "SIGTERM",
    stopGraceMs: 30_000,
    startBudgetMs: 10_000,
  });
  expect(egg?.variables).toMatchObject([{ name: "GREETING", required: true, userViewable: true, userEditable: true }]);
  expect((await eggs.getEgg({ id: "hand-made" })).egg).toEqual(egg);
  await containers.createContainer({ name: "hand-1", eggId: "hand-made", environment: { GREETING: "hello" } });
  expect(await specOf("hand-1")).toMatchObject({ env: { GREETING: "hello" }, health: { kind: "http", path: "/" } });
  const { content } = await eggs.exportEgg({ id: "hand-made" });
  const copy = await eggs.importEgg({ content, id: "hand-copy" });
  expect(copy.egg).toEqual({ ...egg, id: "hand-copy", etag: copy.egg?.etag });
  const listed = async (filter: string) => (await eggs.listEggs({ filter })).eggs.map(({ id }) => id);
  expect(await listed("category = workshop")).toEqual(["hand-copy", "hand-made"]);
  expect(await listed('category_name = "Workshop" AND id != hand-copy AND built_in = false')).toEqual(["hand-made"]);
  expect(await refusal(eggs.listEggs({ filter: "colour = red" }))).toMatch(/^invalid_argument filter: /);
  const { categories } = await eggs.listEggCategories({});
  expect(categories).toEqual((await eggs.listEggs({})).categories);
  expect(categories.find(({ id }) => id === "workshop")).toMatchObject({ name: "Workshop", eggCount: 2 });
  const first = await eggs.listEggCategories({ pageSize: 1 });
  const next = await eggs.listEggCategories({ pageSize: 1_000, pageToken: first.nextPageToken });
  expect([...first.categories, ...next.categories]).toEqual(categories);
  await eggs.deleteEgg({ id: "hand-copy" });
});

test("a category is never another one than was named: one whose id is taken by another name is refused with that", async () => {
  const into = async (id: string, category: string) => (await eggs.createEgg({ id, egg: { ...draft, category } })).egg;
  expect(await into("in-c", "C")).toMatchObject({ category: "C", categoryId: "c" });
  const other = 'The category "C++" would have the id c, which "C" has.';
  expect(await refusal(into("in-c-too", "C++"))).toBe(`invalid_argument egg.category: ${other}`);
  const content = world("In C");
  expect(await refusal(eggs.importEgg({ content, category: "C++", dryRun: true }))).toBe(
    `invalid_argument category: ${other}`,
  );
  const move = eggs.updateEgg({ id: "in-c", egg: { category: "C++" }, updateMask: ["category"] });
  expect(await refusal(move)).toBe(`invalid_argument egg.category: ${other}`);
  expect(await into("in-c-too", "c")).toMatchObject({ category: "C" });
  // Of two at once, each is refused or told where it is.
  const both = await Promise.allSettled([into("in-d", "D"), into("in-d-too", "D++")]);
  const stored = (await eggs.listEggs({ filter: "category = d" })).eggs;
  const told = both.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  expect(told).not.toEqual([]);
  for (const egg of told) expect(stored).toContainEqual(egg);
});

test("what an import would refuse is refused of an egg by hand, with its field, and nothing comes of it", async () => {
  const of = (changes: object, id = "") => refusal(eggs.createEgg({ id, egg: { ...draft, name: "Bad", ...changes } }));
  expect(await of({ name: " " })).toMatch(/^invalid_argument egg.name: /);
  expect(await of({ category: "" })).toMatch(/^invalid_argument egg.category: /);
  expect(await of({ startup: {} })).toMatch(/^invalid_argument egg.startup: /);
  expect(await of({ startup: { podman: "x" } })).toMatch(/^invalid_argument egg.startup/);
  expect(await of({ panel: { startupCommands: [{ name: "A", command: "x" }] } })).toMatch(
    /^invalid_argument egg.startup: /,
  );
  expect(await of({ startup: {}, panel: { author: "ann" } })).toMatch(/^invalid_argument egg.panel.startup_commands: /);
  expect(await of({ description: "a\0b" })).toMatch(/^invalid_argument egg.description: .*NUL/);
  expect(await of({ constraints: ["zone ~ a"] })).toMatch(/^invalid_argument egg.constraints: /);
  expect(await of({ volumes: [{ name: "a", path: "/a/../b", kind: "local" }] })).toMatch(
    /^invalid_argument egg.volumes.0.path: /,
  );
  expect(await of({ ports: [draft.ports[0], draft.ports[0]] })).toMatch(
    /^invalid_argument egg.ports: .*"http" is there twice/,
  );
  expect(await of({}, "hand-made")).toMatch(/^name_taken id: /);
  expect(await of({}, "Bad Id")).toMatch(/^invalid_argument id: /);
  expect(await refusal(eggs.getEgg({ id: "bad" }))).toMatch(/^not_found /);
});

test("an egg that is changed by hand says the new in its own text, and leaves what was made of it", async () => {
  await eggs.importEgg({ content: world("Mended"), category: "Short Shelf" });
  await containers.createContainer({ name: "mended-1", eggId: "mended" });
  const before = await specOf("mended-1");
  const { egg: seen } = await eggs.getEgg({ id: "mended" });
  const etag = seen?.etag ?? "";
  const panel = { done: ["is up"], startupCommands: [{ name: "Default", command: "run {{GREETING}}" }] };
  const changed = await eggs.updateEgg({
    id: "mended",
    etag,
    egg: { description: "Mended.", category: "Games", panel, stopSignal: "SIGINT" },
    updateMask: ["description", "category", "panel.done", "panel.startupCommands", "stop_command", "stopSignal"],
  });
  expect(changed.egg).toMatchObject({
    description: "Mended.",
    category: "Games",
    image: "busybox:1.37",
    stopCommand: "",
  });
  expect(changed.changes).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ path: "description", after: "Mended." }),
      expect.objectContaining({ path: "categoryId", before: "short-shelf", after: "games" }),
      expect.objectContaining({ path: "panel.done[0]", before: "on", after: "is up" }),
      expect.objectContaining({ path: "panel.stop", before: "stop", after: "^C" }),
    ]),
  );
  expect((await eggs.listEggCategories({})).categories.map(({ id }) => id)).not.toContain("short-shelf");
  expect(JSON.parse((await eggs.exportEgg({ id: "mended" })).content)).toMatchObject({
    description: "Mended.",
    startup: "run {{GREETING}}",
    config: { stop: "^C" },
    variables: [{ mine: 1 }, {}],
  });
  expect(await specOf("mended-1")).toEqual(before);
  await containers.createContainer({ name: "mended-2", eggId: "mended" });
  expect(await specOf("mended-2")).toMatchObject({ stop: { signal: "SIGINT" }, env: { STARTUP: "run {{GREETING}}" } });
  const stale = eggs.updateEgg({ id: "mended", etag, egg: { description: "Old." }, updateMask: ["description"] });
  expect(await refusal(stale)).toMatch(/^etag_mismatch etag: /);
  expect((await eggs.getEgg({ id: "mended" })).egg).toEqual(changed.egg);
  const of = (id: string, egg: object, updateMask: string[]) => refusal(eggs.updateEgg({ id, egg, updateMask }));
  expect(await of("hello-http", { name: "Mine" }, ["name"])).toMatch(/^egg_built_in id: /);
  expect(await of("no-such", { name: "Mine" }, ["name"])).toMatch(/^not_found id: /);
  expect(await of("mended", { name: "Mine" }, ["colour"])).toMatch(/^invalid_argument update_mask/);
  expect(await of("mended", {}, ["name"])).toMatch(/^invalid_argument egg.name: /);
  expect(await of("mended", { startup: { docker: "x" } }, ["startup"])).toMatch(/^invalid_argument egg.startup: /);
  expect(await of("hand-made", { panel }, ["panel.done"])).toMatch(/^invalid_argument egg.panel: .*none of a panel's/);
});

test("over REST an egg is made, changed as a whole, and becomes one that runs as a panel's", async () => {
  const made = await rest("POST", "/api/v1/eggs", { id: "by-rest", egg: draft });
  expect([made.status, made.body]).toMatchObject([200, { egg: { id: "by-rest", runtimes: ["docker"] } }]);
  const panel = {
    startupCommands: [{ name: "Default", command: "run" }],
    done: ["up"],
    install: { script: "true", image: "alpine:3" },
    configFiles: [
      {
        path: "a.yml",
        parser: "yaml",
        values: [
          { match: "on", flag: true },
          { match: "x", ifValue: "1", text: "2" },
        ],
      },
    ],
  };
  const { startup, ports, health, ...rest_ } = draft;
  const { status, body } = await rest("PATCH", "/api/v1/eggs/by-rest", { egg: { ...rest_, panel } });
  expect([status, body]).toMatchObject([
    200,
    {
      egg: {
        panel: {
          done: ["up"],
          installImage: "alpine:3",
          configFiles: [{ path: "a.yml", parser: "yaml", replacements: 2 }],
        },
        ports: [{ name: "game" }, { name: "game-udp" }],
        volumes: [{ path: "/home/container" }],
        startBudgetMs: 300_000,
      },
    },
  ]);
  await containers.createContainer({ name: "by-rest-1", eggId: "by-rest" });
  expect(await specOf("by-rest-1")).toMatchObject({
    env: { STARTUP: "run", SERVER_PORT: "25565" },
    equipment: { readyLines: ["up"], install: { script: "true", entrypoint: "sh" } },
  });
  expect((await rest("GET", "/api/v1/egg-categories")).body).toMatchObject({
    categories: expect.arrayContaining([expect.objectContaining({ id: "workshop" })]),
  });
});

test("who may not see a hidden default changes the egg around it by writing back what was read", async () => {
  const hidden = { name: "KEY", defaultValue: "canary", userViewable: false };
  await eggs.createEgg({ id: "around", egg: { ...draft, variables: [...draft.variables, hidden] } });
  const access = createClient(AccessService, transportFor(rig.token));
  await access.createRole({ name: "egg-editor", includes: ["viewer"], grants: ["egg:import"] });
  const { secret } = await access.createToken({ name: "egg-editor", role: "egg-editor" });
  const editor = createClient(EggService, transportFor(secret));
  const read = (await editor.getEgg({ id: "around" })).egg?.variables ?? [];
  expect(read.map(({ defaultValue }) => defaultValue)).toEqual(["hi", "***"]);
  const write = (change: object) => {
    const variables = read.map(({ name, defaultValue, rules, userViewable }) => ({
      ...{ name, defaultValue, rules, userViewable },
      ...change,
    }));
    return editor.updateEgg({ id: "around", egg: { variables }, updateMask: ["variables"] });
  };
  expect(await refusal(write({ userViewable: true }))).toMatch(/^invalid_argument egg.variables.1.default_value: /);
  expect((await write({ description: "New." })).egg?.variables[1]).toMatchObject({ defaultValue: "***" });
  const { variables = [] } = (await eggs.getEgg({ id: "around" })).egg ?? {};
  expect(variables.map(({ defaultValue, description }) => [defaultValue, description])).toEqual([
    ["hi", "New."],
    ["canary", "New."],
  ]);
});

test("operators bring eggs in, developers export them, viewers see them", async () => {
  const access = createClient(AccessService, transportFor(rig.token));
  const as = async (role: string) => {
    const { secret } = await access.createToken({ name: `eggs-${role}`, role });
    const client = createClient(EggService, transportFor(secret));
    const may = async (call: Promise<unknown>) => !(await refusal(call)).startsWith("permission_denied");
    return [
      await may(client.importEgg({ content: world("Permitted"), replace: true })),
      await may(client.exportEgg({ id: "permitted" })),
      await may(client.getEgg({ id: "permitted" })),
    ];
  };
  expect(await as("operator")).toEqual([true, true, true]);
  expect(await as("developer")).toEqual([false, true, true]);
  expect(await as("viewer")).toEqual([false, false, true]);
});
