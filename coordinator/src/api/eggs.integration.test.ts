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
  expect((await eggs.importEgg({ content: changed, replace: true })).replaced).toBe(true);
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
