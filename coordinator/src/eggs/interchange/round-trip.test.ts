import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../domain/refusal.ts";
import { helloHttp } from "../builtin/hello-http.ts";
import { postgres } from "../builtin/postgres.ts";
import { staticSite } from "../builtin/static-site.ts";
import { copyOf, type DocumentRecord, type DocumentValue, documentOf, sameData, sameValue } from "./document-value.ts";
import { EGG_FORMATS, EGG_SYNTAXES, type EggFormat, META_VERSION, type PanelFormat } from "./egg-format.ts";
import { exportEgg } from "./export-egg.ts";
import { type Content, type ImportedEgg, importEgg, originDocument } from "./import-egg.ts";
import { readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";
import { writeEgg } from "./write-egg.ts";
import { readYaml } from "./yaml-reader.ts";
import { writeYaml } from "./yaml-writer.ts";

const PANEL_FORMATS = EGG_FORMATS.filter((format) => format !== "lormas");
const contentOf = (text: string, syntax: "json" | "yaml"): Content =>
  syntax === "json" ? { syntax, text, ...readJson(text) } : { syntax, text, value: readYaml(text), repeatedKeys: [] };
const imported = (document: DocumentValue, syntax: "json" | "yaml" = "json"): ImportedEgg =>
  importEgg(contentOf(syntax === "json" ? writeJson(document, true) : writeYaml(document), syntax), {
    id: null,
    categoryId: null,
  });
/** As a JSON column gives it back: keys in another order. */
const stored = <T>(data: T): T =>
  JSON.parse(JSON.stringify(data), (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).reverse())
      : value,
  ) as T;

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 16 }).filter((one) => !one.includes("\0")),
  fc.constantFrom("", "a\r\nb", "{{SERVER_PORT}}", "🎮", "1", "true", "stop", "^C"),
);
const scalar = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null));
const map = (value: fc.Arbitrary<DocumentValue>, max = 3): fc.Arbitrary<DocumentRecord> =>
  fc
    .array(fc.tuple(fc.oneof(text, fc.constantFrom("21", "8", "__proto__")), value), { maxLength: max })
    .map((all) => new Map(all));
const list = (value: fc.Arbitrary<DocumentValue>, max = 3) => fc.array(value, { maxLength: max });
const anything: fc.Arbitrary<DocumentValue> = fc.oneof(scalar, list(scalar), map(scalar), map(list(map(scalar))));
const rule = fc.oneof(
  fc.constantFrom(
    "required",
    "nullable",
    "string",
    "max:20",
    "in:a,b",
    "regex:/^(a|b)$/",
    "between:1,5",
    "unknown:x",
    "",
  ),
);
const json = (value: fc.Arbitrary<DocumentValue>): fc.Arbitrary<DocumentValue> =>
  fc.oneof(
    value.map((one) => writeJson(one, true).replaceAll("\n", "\r\n")),
    value,
    fc.constantFrom("{}", "[]", "", "no JSON", null),
  );
const file = map(fc.oneof(scalar, map(scalar))).map(
  (find) =>
    new Map<string, DocumentValue>([
      ["parser", "yaml"],
      ["find", find],
    ]),
);
/** Some of the entries, and now and then one that nobody knows. */
const some = (entries: Record<string, fc.Arbitrary<DocumentValue>>): fc.Arbitrary<DocumentRecord> =>
  fc.tuple(fc.record(entries, { requiredKeys: [] }), fc.option(fc.tuple(text, anything))).map(([record, odd]) => {
    const known = new Map<string, DocumentValue>(Object.entries(record) as [string, DocumentValue][]);
    return odd === null || Object.hasOwn(entries, odd[0]) ? known : new Map([...known, odd]);
  });
const variable = some({
  name: scalar,
  description: scalar,
  env_variable: fc.oneof(fc.constantFrom("A", "B", "QUERY_PORT", "SERVER_PORT"), scalar),
  default_value: fc.oneof(scalar, anything),
  user_viewable: fc.constantFrom<DocumentValue>(true, false, 1, 0, "1", "0", null),
  user_editable: fc.constantFrom<DocumentValue>(true, false, 1, 0),
  rules: fc.oneof(
    list(rule, 4),
    list(rule, 4).map((rules) => rules.join("|")),
    scalar,
  ),
  field_type: fc.constant("text"),
  sort: fc.oneof(fc.integer(), fc.constant(null)),
});
const images = fc.oneof(map(text), list(text), text);
const parts = some({
  _comment: text,
  exported_at: scalar,
  author: scalar,
  uuid: scalar,
  description: scalar,
  image: fc.oneof(fc.constantFrom("data:image/png;base64,AAAA", "busybox:1.36", ""), scalar),
  icon: scalar,
  tags: fc.oneof(list(text), fc.constant(null)),
  features: fc.oneof(list(text), fc.constant(null)),
  docker_images: images,
  images,
  docker_image: text,
  file_denylist: fc.oneof(list(text), map(text)),
  startup: fc.oneof(text, list(text)),
  startup_commands: images,
  config: fc.oneof(
    some({
      files: json(map(file)),
      startup: json(some({ done: fc.oneof(text, list(text)) })),
      logs: json(map(scalar)),
      stop: scalar,
    }),
    scalar,
  ),
  scripts: fc.oneof(some({ installation: some({ script: scalar, container: scalar, entrypoint: scalar }) }), scalar),
  variables: fc.oneof(list(variable, 4), list(anything, 2), map(variable)),
});
const egg = (formats: readonly PanelFormat[]): fc.Arbitrary<DocumentRecord> =>
  fc
    .tuple(parts, text, fc.constantFrom(...formats), some({ update_url: scalar }))
    .map(([document, name, format, meta]) => {
      return new Map<string, DocumentValue>([
        ["meta", new Map([...meta, ["version", META_VERSION[format]]])],
        ...document,
        ["name", `n${name}`],
        ["variables", document.get("variables") ?? []],
      ]);
    });

describe.each(PANEL_FORMATS)("an egg in %s", (format) => {
  test.each(EGG_SYNTAXES)("comes out of its own format as it came in, to the letter (%s)", (syntax) => {
    fc.assert(
      fc.property(egg([format]), (document) => {
        const { definition, origin } = imported(document, syntax);
        const out = exportEgg(stored(definition), stored(origin), format, null);
        expect(out.content).toBe(origin?.text);
      }),
      { numRuns: 60 },
    );
  });

  test("is the same when it is written field by field", () => {
    fc.assert(
      fc.property(egg([format]), (document) => {
        const { definition } = imported(document);
        expect(sameValue(writeEgg(stored(definition), document, format), document)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

test("by way of any other format, in JSON or YAML, an egg is the same egg, and all that nobody knows is still there", () => {
  fc.assert(
    fc.property(
      egg(PANEL_FORMATS),
      fc.constantFrom(...EGG_FORMATS),
      fc.constantFrom(...EGG_SYNTAXES),
      (document, format, syntax) => {
        const { definition, origin } = imported(document);
        const out = exportEgg(stored(definition), stored(origin), format, syntax);
        const back = importEgg(contentOf(out.content, syntax), {
          id: definition.id,
          categoryId: definition.categoryId,
        });
        expect(sameData(back.definition, definition)).toBe(true);
        const there = contentOf(out.content, syntax).value as DocumentRecord;
        const base = format === "lormas" ? originDocument(back.origin ?? expect.fail("no origin")) : there;
        for (const [key, value] of document) {
          if (!KNOWN.includes(key)) expect(sameValue(base.get(key), value)).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
});
const KNOWN = [
  ...["meta", "docker_images", "images", "docker_image", "image", "startup", "startup_commands", "config", "variables"],
  ...["lormas", "scripts"],
];

test.each([helloHttp, staticSite, postgres, { ...helloHttp, id: "hello-tty", tty: true }])(
  "an egg of Lormas' own goes through every format and back ($id)",
  (own) => {
    for (const format of EGG_FORMATS) {
      for (const syntax of EGG_SYNTAXES) {
        const { content } = exportEgg(own, null, format, syntax);
        const back = importEgg(contentOf(content, syntax), { id: null, categoryId: null });
        expect([format, stored(back.definition)]).toEqual([format, stored(own)]);
      }
    }
  },
);

test("an egg that was changed after it came says the new, and keeps what was not touched", () => {
  const document = documentOf({
    meta: { version: "PTDL_v2", update_url: null },
    name: "Old",
    docker_images: { "Java 21": "a:21" },
    startup: "run {{A}}",
    config: { files: "{}", startup: '{"done":"up","userInteraction":["eula"]}', logs: "{}", stop: "stop" },
    variables: [
      { name: "A", env_variable: "A", default_value: 1, rules: "required", field_type: "text", mine: { kept: true } },
      { name: "B", env_variable: "B", default_value: "b", rules: "nullable" },
    ],
    mine: [1],
  }) as DocumentRecord;
  const { definition } = imported(document);
  const [first, second] = definition.variables;
  if (first === undefined || second === undefined || definition.panel === undefined) throw new Error("incomplete");
  const changed = {
    ...definition,
    name: "New",
    variables: [second, { ...first, rules: ["required", "integer"] }],
    panel: { ...definition.panel, done: ["up", "ready"], stop: "^C" },
    stop: { ...definition.stop, signal: "SIGINT" },
  };
  const out = writeEgg(changed, copyOf(document), "ptdl_v2");
  const expected = documentOf({
    meta: { version: "PTDL_v2", update_url: null },
    name: "New",
    docker_images: { "Java 21": "a:21" },
    startup: "run {{A}}",
    config: { files: "{}", logs: "{}", stop: "^C", startup: "" },
    variables: [
      { name: "B", env_variable: "B", default_value: "b", rules: "nullable" },
      {
        name: "A",
        env_variable: "A",
        default_value: 1,
        rules: "required|integer",
        field_type: "text",
        mine: { kept: true },
      },
    ],
    mine: [1],
  }) as DocumentRecord;
  const config = out.get("config") as DocumentRecord;
  expect(readJson(String(config.get("startup"))).value).toEqual(
    documentOf({ done: ["up", "ready"], userInteraction: ["eula"] }),
  );
  config.set("startup", "");
  expect(sameValue(out, expected)).toBe(true);
  expect(sameData(imported(out).definition.panel, { ...changed.panel, done: [] })).toBe(true);
});

test("whatever a document is, it becomes an egg or is refused with a reason and a next step", () => {
  const wild = fc.oneof(anything, parts, map(anything, 6), egg(PANEL_FORMATS));
  fc.assert(
    fc.property(wild, (document) => {
      try {
        const { definition, findings } = imported(document);
        expect(definition.id).toMatch(/^[a-z0-9][a-z0-9-]*$/);
        for (const { message } of findings) expect(message).not.toBe("");
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown;
        expect(thrown.message).toMatch(/^This is no egg: /);
        expect(thrown.nextStep).not.toBe("");
      }
    }),
    { numRuns: 400 },
  );
});

test("Lormas' own form is read strictly, keeps fields it does not know, and refuses an origin that is none", () => {
  const own = { meta: { version: "LORMAS_v1" }, ...stored(helloHttp), mine: { kept: 1 } };
  const { definition, format } = imported(documentOf(own));
  expect([format, stored(definition)]).toEqual([
    "lormas" satisfies EggFormat,
    { ...stored(helloHttp), mine: { kept: 1 } },
  ]);
  const refusalOf = (changes: object) => () => imported(documentOf({ ...own, ...changes }));
  expect(refusalOf({ ports: [{ name: "a b", containerPort: 1, protocol: "tcp" }] })).toThrow(/ports\.0\.name/);
  expect(refusalOf({ volumes: [{ name: "a", path: "/a/../b", kind: "local" }] })).toThrow(/volumes\.0\.path/);
  expect(refusalOf({ origin: { format: "ptdl_v2", syntax: "json", text: "[]" } })).toThrow(/origin/);
});
