import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { EggFindingLevel, type EggSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type CreateEggRequest, EggService, type UpdateEggRequest } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Command } from "commander";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { ContextStore } from "../client/context-store.ts";
import { systemClock } from "../clock.ts";
import { Asker } from "../terminal/ask.ts";
import { addEggCommands } from "./egg.ts";

let directory: string;
let asked: { content: string; dryRun: boolean; replace: boolean; category: string; id: string }[];
let removed: string[];
let sent: (CreateEggRequest | UpdateEggRequest)[];
let filters: string[];
let shown: Record<string, MessageInitShape<typeof EggSchema>>;
const ends: (() => void)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lormas-egg-"));
  asked = [];
  removed = [];
  sent = [];
  filters = [];
  shown = {};
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
  rmSync(directory, { recursive: true });
});

const finding = { level: EggFindingLevel.NOT_USED, path: "config.stop", message: "kept, not used yet" };
const transport = createRouterTransport(({ service }) => {
  service(EggService, {
    importEgg({ content, dryRun, replace, category, id }) {
      asked.push({ content, dryRun, replace, category, id });
      if (content === "newer") {
        const changes = [{ path: "version", before: "1", after: "2" }];
        return { egg: { id }, replaced: true, changes, findings: [finding] };
      }
      if (content === "taken") throw new ConnectError("There is an egg already.", Code.AlreadyExists);
      if (content === "denied") throw new ConnectError("You may not.", Code.PermissionDenied);
      if (content === "hiding")
        return { egg: { id, variables: [{ name: "KEY", defaultValue: "***" }] }, replaced: true };
      return { egg: { id: content, category: "Imported" }, format: "ptdl_v2", syntax: "json", findings: [finding] };
    },
    exportEgg: ({ id, format }) => ({
      content: `{"name":"${id}"}\n`,
      format: format || "ptdl_v2",
      syntax: "json",
      extraFields: format === "ptdl_v1" ? ["images"] : [],
    }),
    getEgg: ({ id }) => ({ egg: shown[id] ?? {} }),
    createEgg(request) {
      sent.push(request);
      return { egg: { id: request.id || "made", category: request.egg?.category ?? "" }, findings: [finding] };
    },
    updateEgg(request) {
      sent.push(request);
      const changes = [
        { path: "description", before: "old", after: "new" },
        { path: "tty", after: "true" },
      ];
      return { egg: { id: request.id }, changes, changesTotal: 5 };
    },
    listEggs({ filter }) {
      filters.push(filter);
      return { eggs: [{ id: "paper", name: "Paper", category: "Games" }] };
    },
    listEggCategories: () => ({ categories: [{ id: "games", name: "Games", eggCount: 2 }] }),
    deleteEgg({ id }) {
      removed.push(id);
      return {};
    },
  });
});

const notAsked = (): never => expect.fail("not asked for here");

/** Runs `lormas egg …`; what it prints, what it warns of, and how it ends. */
async function egg(...args: string[]): Promise<{ out: string[]; warned: string[]; failure: CliFailure | null }> {
  const out: string[] = [];
  const warned: string[] = [];
  const context: CliContext = {
    clock: systemClock,
    env: {},
    repository: directory,
    version: "0.0.0",
    print: (line) => out.push(line),
    warn: (line) => warned.push(line),
    columns: () => undefined,
    rows: () => undefined,
    colors: () => false,
    write: notAsked,
    onResize: notAsked,
    interrupted: notAsked,
    get stdin() {
      return notAsked();
    },
    leave: notAsked,
    randomHex: () => "",
    ask: new Asker(process.stdin, process.stderr, systemClock),
    contexts: new ContextStore({ XDG_CONFIG_HOME: directory }),
    dataDir: notAsked,
    access: notAsked,
    // The commands of eggs ask nothing but the service of eggs.
    api: () => ({ url: "http://test", eggs: createClient(EggService, transport) }) as unknown as ApiClient,
  };
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addEggCommands(program, context);
  try {
    await program.parseAsync(["egg", ...args], { from: "user" });
    return { out, warned, failure: null };
  } catch (thrown) {
    if (!(thrown instanceof CliFailure)) throw thrown;
    return { out, warned, failure: thrown };
  }
}
const file = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};

test("one egg's import tells what became of it and every finding", async () => {
  const path = file("a.json", "paper");
  const { out, failure } = await egg("import", path, "--dry-run", "--replace", "--category", "Games", "--id", "mine");
  expect(failure).toBeNull();
  expect(asked).toEqual([{ content: "paper", dryRun: true, replace: true, category: "Games", id: "mine" }]);
  expect(out).toEqual([
    "paper would be imported from ptdl_v2 (json) into Imported",
    "LEVEL     WHERE        FINDING",
    "not used  config.stop  kept, not used yet",
  ]);
});

test("one egg's import is the API's answer as JSON, and its failure the command's", async () => {
  const { out } = await egg("import", file("a.json", "paper"), "-o", "json");
  expect(JSON.parse(out.join(""))).toMatchObject({
    egg: { id: "paper" },
    format: "ptdl_v2",
    findings: [{ level: "EGG_FINDING_LEVEL_NOT_USED", path: "config.stop" }],
  });
  const { failure, out: nothing } = await egg("import", file("b.json", "taken"));
  expect([failure?.code, nothing]).toEqual([6, []]);
});

test("a directory's import does all it can, lists every outcome and ends with a failure when one failed", async () => {
  file("a.json", "paper");
  file("b.json", "taken");
  file("c.yaml", "forge");
  const { out, failure } = await egg("import", directory);
  expect(asked.map(({ content }) => content)).toEqual(["paper", "taken", "forge"]);
  expect(out.map((line) => line.replace(directory, "").split(/ {2,}/)).slice(1)).toMatchObject([
    ["/a.json", "paper", "ptdl_v2", "0", "0", "1", "imported"],
    ["/b.json", "-", "-", "-", "-", "-", expect.stringMatching(/^failed: .*There is an egg already/)],
    ["/c.yaml", "forge", "ptdl_v2", "0", "0", "1", "imported"],
  ]);
  expect([failure?.code, failure?.message]).toEqual([6, "1 of 3 eggs could not be imported"]);
  const { out: json } = await egg("import", directory, "-o", "json");
  expect(JSON.parse(json.join(""))).toMatchObject({
    eggs: [{ egg: { id: "paper" } }, { error: expect.stringContaining("already") }, { egg: { id: "forge" } }],
  });
});

test("an import ends at the first egg when nobody may, and --id is for one egg", async () => {
  file("a.json", "denied");
  file("b.json", "paper");
  expect((await egg("import", directory)).failure?.code).toBe(4);
  expect(asked).toHaveLength(1);
  file("a.json", "paper");
  expect((await egg("import", directory, "--id", "one")).failure?.code).toBe(2);
  expect(asked).toHaveLength(1);
});

test("an export is printed or written to a file, and says what its format has no place for", async () => {
  expect((await egg("export", "paper")).out).toEqual(['{"name":"paper"}']);
  const path = join(directory, "out.json");
  const { out, warned } = await egg("export", "paper", "--format", "ptdl_v1", "-f", path);
  expect(readFileSync(path, "utf8")).toBe('{"name":"paper"}\n');
  expect([out, warned]).toEqual([
    [`${path} has paper in ptdl_v1 (json)`],
    ["ptdl_v1 has no place for images: kept under the key lormas"],
  ]);
  expect((await egg("export", "paper", "-f", join(directory, "no", "x"))).failure?.message).toContain(
    "cannot be written",
  );
});

test("an egg is removed by its id", async () => {
  expect((await egg("rm", "paper")).out).toEqual(["paper is removed"]);
  expect(removed).toEqual(["paper"]);
});

test("an egg is made of flags and a file, where flags win", async () => {
  const draft = { description: "from the file", variables: [{ name: "MAP", userEditable: false }], version: "3" };
  const path = file("draft.json", JSON.stringify(draft));
  const flags = ["--category", "Games", "--image", "Box=box:1", "--image", "box:2", "--startup", "docker=run -x=1"];
  const { out, failure } = await egg("create", "My Egg", "-f", path, "--egg-version", "4", ...flags);
  expect(failure).toBeNull();
  expect(out).toEqual([
    "made is made, in Games",
    "LEVEL     WHERE        FINDING",
    "not used  config.stop  kept, not used yet",
  ]);
  expect(sent).toMatchObject([
    {
      egg: {
        name: "My Egg",
        description: "from the file",
        version: "4",
        images: [
          { name: "Box", image: "box:1" },
          { name: "", image: "box:2" },
        ],
        startup: { docker: "run -x=1" },
        variables: [{ name: "MAP", userEditable: false }],
      },
    },
  ]);
});

test("an edit sets what is given alone, of a panel its parts, and shows what has changed, and how much more has", async () => {
  const path = file("draft.json", JSON.stringify({ stopSignal: "SIGINT", panel: { configFiles: [] }, health: null }));
  const { out, failure } = await egg("edit", "paper", "--description", "new", "--etag", "e1", "-f", path);
  expect(failure).toBeNull();
  expect(sent).toMatchObject([
    { id: "paper", etag: "e1", updateMask: ["stop_signal", "panel.config_files", "health", "description"] },
  ]);
  expect(out.map((line) => line.split(/ {2,}/))).toEqual([
    ["paper is changed"],
    ["FIELD", "NOW", "AFTERWARDS"],
    ["description", "old", "new"],
    ["tty", "-", "true"],
    ["and 3 more that are not shown"],
  ]);
  const tried = await egg("edit", "paper", "--description", "new", "--dry-run");
  expect([tried.out[0], sent.pop()?.validateOnly]).toEqual(["paper would be changed", true]);
  const nothing = await egg("edit", "paper");
  expect([nothing.failure?.code, sent.length]).toEqual([2, 1]);
  expect((await egg("edit", "paper", "-f", file("b.json", '{"colour":"red"}'))).failure?.message).toContain("colour");
  expect((await egg("edit", "paper", "-f", file("c.json", "[]"))).failure?.message).toContain("no object");
  expect((await egg("edit", "paper", "--startup", "run")).failure?.message).toContain("has no name");
});

test("eggs are listed by category, by its id or name, and categories with how many are in each", async () => {
  expect((await egg("ls", "--category", "Games", "--filter", "built_in = false")).failure).toBeNull();
  expect(filters).toEqual(["category = games AND built_in = false"]);
  expect((await egg("categories")).out.map((line) => line.split(/ {2,}/))).toEqual([
    ["CATEGORY", "NAME", "EGGS"],
    ["games", "Games", "2"],
  ]);
  const { failure } = await egg("ls", "--category", "Cards");
  expect([failure?.code, failure?.message, failure?.nextStep]).toEqual([
    3,
    "there is no category Cards",
    "there are: Games",
  ]);
});

/** What an egg's update URL gives. */
const serve = (content: string): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer((_, response) => response.end(content)).listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/egg.json`);
    });
    ends.push(() => server.close());
  });

test("an egg is updated from where it says: the changes are shown, and what was shown is imported", async () => {
  const url = await serve("newer");
  shown = { paper: { id: "paper", categoryId: "games", etag: "e1", panel: { updateUrl: url } } };
  const rehearsed = await egg("update", "paper", "--allow-private", "--dry-run");
  expect(rehearsed.failure).toBeNull();
  expect(rehearsed.out.map((line) => line.split(/ {2,}/))).toEqual([
    [`paper would be updated from ${url}`],
    ["FIELD", "NOW", "AFTERWARDS"],
    ["version", "1", "2"],
    ["LEVEL", "WHERE", "FINDING"],
    ["not used", "config.stop", "kept, not used yet"],
  ]);
  const wish = { content: "newer", replace: true, category: "games", id: "paper" };
  expect(asked).toEqual([{ ...wish, dryRun: true }]);
  const { out } = await egg("update", "paper", "--allow-private");
  expect(out[0]).toBe(`paper is updated from ${url}`);
  expect(asked.slice(1)).toEqual([
    { ...wish, dryRun: true },
    { ...wish, dryRun: false },
  ]);
});

test("an egg that is up to date is not imported again, but where the caller may not see whether it is", async () => {
  const url = await serve("paper");
  shown = { paper: { id: "paper", panel: { updateUrl: url } } };
  expect((await egg("update", "paper", "--allow-private")).out).toEqual([`paper is as new as ${url}`]);
  expect(asked.map(({ dryRun }) => dryRun)).toEqual([true]);
  shown = { paper: { id: "paper", panel: { updateUrl: await serve("hiding") } } };
  expect((await egg("update", "paper", "--allow-private")).out[0]).toMatch(/^paper is updated from /);
  expect(asked.map(({ dryRun }) => dryRun)).toEqual([true, true, false]);
});

test("an egg without an update URL, one that ships, and one that names an inner address are not updated", async () => {
  const url = await serve("newer");
  shown = {
    ships: { id: "ships", builtIn: true },
    own: { id: "own" },
    none: { id: "none", panel: { updateUrl: "" } },
    broken: { id: "broken", panel: { updateUrl: "example.org/egg.json" } },
    inner: { id: "inner", panel: { updateUrl: url.replace("http:", "https:") } },
    plain: { id: "plain", panel: { updateUrl: "http://example.org/egg.json" } },
    file: { id: "file", panel: { updateUrl: "file:///etc/passwd" } },
  };
  const refused = async (id: string, ...flags: string[]) => {
    const { failure } = await egg("update", id, ...flags);
    return `${failure?.code} ${failure?.message}: ${failure?.nextStep}`;
  };
  expect(await refused("ships")).toMatch(/^6 egg ships ships with Lormas: /);
  expect(await refused("own")).toMatch(/^6 egg own has no update URL: .*lormas egg import SOURCE --id own --replace/);
  expect(await refused("none")).toMatch(/^6 egg none has no update URL: /);
  expect(await refused("broken")).toMatch(/^6 the update URL of egg broken is no URL: /);
  expect(await refused("inner")).toMatch(
    /^4 .* is not fetched: 127\.0\.0\.1, which is no public address: .*--allow-private/,
  );
  expect(await refused("plain")).toMatch(/^4 .* is not fetched: http is not https: /);
  expect(await refused("file", "--allow-private")).toMatch(/^4 .* file is neither http nor https: /);
  expect(asked).toEqual([]);
});
