import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ConfigFileSchema, EquipmentSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { beforeEach, expect, test } from "vitest";
import { testSpec } from "../node/test-command.ts";
import { applyConfig } from "./apply-config.ts";
import type { VolumeFiles } from "./volume-files.ts";
import { volumePath } from "./volume-path.ts";

type Init = MessageInitShape<typeof ConfigFileSchema>;
const text = (match: string, value: string): NonNullable<Init["replacements"]>[number] => ({
  match,
  value: { case: "text", value },
});

/** A volume in memory. */
class Files implements VolumeFiles {
  readonly all = new Map<string, string>();
  async read(steps: readonly string[]): Promise<Uint8Array | null> {
    const found = this.all.get(steps.join("/"));
    return found === undefined ? null : Buffer.from(found, "latin1");
  }
  async write(steps: readonly string[], content: Uint8Array): Promise<void> {
    this.all.set(steps.join("/"), Buffer.from(content).toString("utf8"));
  }
}

let permit: () => Promise<void>;
beforeEach(() => {
  permit = async () => undefined;
});

function applied(files: Files, ...configFiles: Init[]): Promise<void> {
  const spec = testSpec({ equipment: create(EquipmentSchema, { volume: "data", configFiles }) });
  return applyConfig(spec, files, { env: { PORT: "25565", NAME: "{{env.PORT}}" }, address: "10.0.0.7", permit });
}

test("placeholders are filled once, and a variable that there is not is empty", async () => {
  const files = new Files();
  const replacements = [
    text("port", "{{env.PORT}}"),
    text("name", "{{ env.NAME }}"),
    text("none", "[{{env.NONE}}{{env.toString}}]"),
    text("host", "{{config.docker.interface}}"),
    text("other", "{{PORT}}"),
  ];
  await applied(files, { path: "/a/./b.properties", parser: "properties", replacements });
  expect(files.all.get("a/b.properties")).toBe(
    "port=25565\nname={{env.PORT}}\nnone=[]\nhost=10.0.0.7\nother={{PORT}}\n",
  );
});

test("when one file cannot be read none is written", async () => {
  const files = new Files();
  files.all.set("bad.json", "{");
  const good = { path: "good.properties", parser: "properties", replacements: [text("a", "b")] };
  const bad = { path: "bad.json", parser: "json", replacements: [text("a", "b")] };
  await expect(applied(files, good, bad)).rejects.toMatchObject({
    code: "config_failed",
    message: expect.stringContaining('"bad.json" is no JSON'),
  });
  expect([...files.all.keys()]).toEqual(["bad.json"]);
});

test.each([
  [1, []],
  [2, []],
  [3, ["a.ini"]],
])("an order that is stale when it is asked the %dth time writes from there on nothing", async (fatal, written) => {
  const files = new Files();
  let asked = 0;
  permit = async () => {
    asked += 1;
    if (asked === fatal) throw new Error("closed meanwhile");
  };
  const file = (path: string) => ({ path, parser: "ini", replacements: [text("a", "b")] });
  await expect(applied(files, file("a.ini"), file("b.ini"))).rejects.toThrow("closed meanwhile");
  expect([...files.all.keys()]).toEqual(written);
});

test("what is not UTF-8 is refused, not mangled", async () => {
  const files = new Files();
  files.all.set("a.ini", "name=\xff\xfe");
  await expect(applied(files, { path: "a.ini", parser: "ini", replacements: [text("a", "b")] })).rejects.toThrow(
    "not UTF-8",
  );
});

test("an expression that never ends fails the start within its time, and the agent lives on meanwhile", async () => {
  const files = new Files();
  files.all.set("a.json", JSON.stringify({ a: `${"a".repeat(60)}!` }));
  let beats = 0;
  const heart = setInterval(() => {
    beats += 1;
  }, 50);
  const change = { match: "a", ifValue: "regex:^(a+)+$", value: { case: "text" as const, value: "x" } };
  await expect(applied(files, { path: "a.json", parser: "json", replacements: [change] })).rejects.toThrow(
    "takes more than 10 s",
  );
  clearInterval(heart);
  expect(beats).toBeGreaterThan(50);
}, 30_000);

test("YAML that doubles itself with every line is given up, and the agent lives on", async () => {
  const files = new Files();
  const lines = ["a0: &a0 [x, x]"];
  for (let level = 1; level < 40; level += 1) lines.push(`a${level}: &a${level} [*a${level - 1}, *a${level - 1}]`);
  files.all.set("a.yml", `${lines.join("\n")}\n`);
  const outcome = await applied(files, { path: "a.yml", parser: "yaml", replacements: [text("port", "1")] }).then(
    () => "edited",
    (error: Error) => error.message,
  );
  expect(outcome === "edited" ? files.all.get("a.yml") : outcome).toMatch(/port: 1|takes more than/);
}, 30_000);

test.each(["../a", "a/../../b", "..", "/", "", "a/", "a\0b"])(
  "%j leads out of a volume, or to no file in it",
  (path) => {
    expect(volumePath(path)).toBeNull();
  },
);

test("a path that leaves the volume fails the start before anything is read", async () => {
  const files = new Files();
  files.read = async () => {
    throw new Error("read");
  };
  await expect(applied(files, { path: "a/../../b", parser: "file", replacements: [] })).rejects.toThrow(
    "leads out of the volume",
  );
});
