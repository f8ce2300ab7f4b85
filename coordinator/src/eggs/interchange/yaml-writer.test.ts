import fc from "fast-check";
import { expect, test } from "vitest";
import { DocumentFault } from "./document-fault.ts";
import { DOCUMENT_VALUES_MAX, type DocumentValue, documentOf } from "./document-value.ts";
import { readYaml } from "./yaml-reader.ts";
import { writeYaml } from "./yaml-writer.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom(
    "a\nb",
    "a\n  b\n",
    "\ta\nb",
    " a\n",
    "a\r\nb",
    "a\n\n",
    "\n",
    "yes",
    "~",
    "- a",
    "a: b",
    "#",
    "1.0",
    "é🎮\n x",
  ),
  fc
    .array(fc.constantFrom("if [[ -f x ]]; then", "\techo hi", "  indented", "", " ", "# no comment", "end\t"), {
      maxLength: 6,
    })
    .map((lines) => lines.join("\n")),
);
const key = fc.oneof(
  text,
  fc.constantFrom("21", "Java 21", "__proto__", "null", "<<", "a b", "server.properties", "-", "x".repeat(1_100)),
);
const document: fc.Arbitrary<DocumentValue> = fc.letrec<{ node: DocumentValue }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    text,
    fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
    fc.constant(76561198000000001n),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie("node")), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
})).node;

test("what is written as YAML is read as the same, to every blank", () => {
  fc.assert(
    fc.property(document, (value) => {
      fc.pre(
        !JSON.stringify(value, (_, inner) =>
          inner instanceof Map ? [...inner] : typeof inner === "bigint" ? "" : inner,
        ).includes("\\u0000"),
      );
      const written = writeYaml(value);
      expect(readYaml(written)).toEqual(value);
    }),
    { numRuns: 400 },
  );
});

test("a script is a block that people can read", () => {
  expect(writeYaml(documentOf({ script: "#!/bin/bash\n\tcd /mnt\n", name: "é", list: [], none: {} }))).toBe(
    'script: |\n  #!/bin/bash\n  \tcd /mnt\nname: "é"\nlist: []\nnone: {}\n',
  );
});

test("anchors and merges say what they stand for, as often as they are used", () => {
  const text = "a: &rules [required, string]\nb: *rules\nc:\n  <<: {x: 1}\n  y: 2\n";
  expect(readYaml(text)).toEqual(
    documentOf({ a: ["required", "string"], b: ["required", "string"], c: { x: 1, y: 2 } }),
  );
});

const faultOf = (text: string): string => {
  try {
    readYaml(text);
    return "";
  } catch (thrown) {
    if (!(thrown instanceof DocumentFault)) throw thrown;
    return thrown.message;
  }
};

test("aliases that multiply are refused by what they would make", () => {
  const bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 8; level += 1) {
    const alias = `*a${level - 1}`;
    bomb.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => alias).join(", ")}]`);
  }
  expect(faultOf(bomb.join("\n"))).toMatch(new RegExp(`${DOCUMENT_VALUES_MAX} values|alias`));
  expect(faultOf("a: &a [*a]")).not.toBe("");
});

test.each([
  ["a: b\n\tc: d", /^line 2/],
  ["a: [", /^line/],
  ["a: .inf", /Infinity/],
  ["a: 1\na: 2", /^line 2.*unique/i],
  ["--- a\n--- b", /./],
  ['a: "\\0"', /NUL/],
])("%j is refused with the place or the reason", (text, reason) => {
  expect(faultOf(text)).toMatch(reason);
});

test("whatever the text is, it is read or refused, and nothing else is thrown", () => {
  const piece = fc.oneof(
    fc.constantFrom("a: ", "- ", "\n", "  ", "&a ", "*a", "|\n", "{", "}", '"', "!!binary ", "? ", "%YAML"),
    fc.string(),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => void faultOf(pieces.join(""))));
});
