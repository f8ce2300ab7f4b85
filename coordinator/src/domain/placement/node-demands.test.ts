import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CONSTRAINT_VALUES_MAX,
  CONSTRAINTS_MAX,
  constraintText,
  readConstraint,
  satisfies,
} from "./label-constraint.ts";
import { meetsDemands, type NodeDemands, readDemands, unmetDemand } from "./node-demands.ts";

const read = (text: string) => {
  const outcome = readConstraint(text);
  return outcome.ok ? outcome.constraint : expect.fail(`${text}: ${outcome.reason}`);
};

/** As labels of nodes have them. */
const name = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,10}[A-Za-z0-9])?$/);
const values = fc.uniqueArray(name, { minLength: 1, maxLength: CONSTRAINT_VALUES_MAX });
/** Few keys and values, so that they meet. */
const few = fc.constantFrom("a", "b", "c");
const fewLabels = fc.dictionary(few, fc.constantFrom("a", "b", ""));
const fewConstraints = fc.oneof(
  fc.record({
    key: few,
    operator: fc.constantFrom("in" as const, "not_in" as const),
    values: fc.uniqueArray(fc.constantFrom("a", "b"), { minLength: 1 }),
  }),
  fc.record({ key: few, operator: fc.constantFrom("exists" as const, "not_exists" as const), values: fc.constant([]) }),
);

describe("a constraint", () => {
  test.each([
    ["zone=a", "zone=a"],
    [" zone == a ", "zone=a"],
    ["disk=", "disk="],
    ["zone != a", "zone!=a"],
    ["zone in (a)", "zone=a"],
    ["zone in(a,b , a)", "zone in (a, b)"],
    ["zone not  in (a, b)", "zone not in (a, b)"],
    ["example.org/gpu exists", "example.org/gpu exists"],
    ["gpu not exists", "gpu not exists"],
    ["in in (in)", "in=in"],
  ])("%s is read as %s", (text, means) => {
    expect(constraintText(read(text))).toBe(means);
  });

  test.each([
    ["", "none that is known"],
    ["zone", "none that is known"],
    ["=a", "none that is known"],
    ["zone=a b", "none that is known"],
    ["zone>=3", "none that is known"],
    ["zone=a,b", "none that is known"],
    ["zone in ()", "an empty value"],
    ["zone in (a,)", "an empty value"],
    ["zone in (a, b c)", '"b c", which no label can have'],
    ["zone in (a", "none that is known"],
    [`zone=${"x".repeat(64)}`, "none that is known"],
    ["x".repeat(513), "513 characters, at most 512"],
    [`zone in (${Array.from({ length: 17 }, (_, n) => `v${n}`).join(",")})`, "17 values, at most 16"],
  ])("%s is refused with the reason", (text, reason) => {
    expect(readConstraint(text)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  test("as it is written reads as itself, whatever its key and values are", () => {
    fc.assert(
      fc.property(name, values, fc.constantFrom("in", "not_in", "exists", "not_exists"), (key, list, operator) => {
        const constraint = { key, operator, values: operator.endsWith("exists") ? [] : list };
        expect(read(constraintText(constraint))).toEqual(constraint);
      }),
    );
  });

  test("whatever is given for one is read or refused in no time", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 600, unit: fc.constantFrom(..."ab=!()., -/exists notin") }), (text) => {
        const outcome = readConstraint(text);
        if (outcome.ok) expect(read(constraintText(outcome.constraint))).toEqual(outcome.constraint);
        else expect(outcome.reason).not.toBe("");
      }),
    );
  });

  test("and its contrary never hold both, and one of them always does", () => {
    const contrary = { in: "not_in", not_in: "in", exists: "not_exists", not_exists: "exists" } as const;
    fc.assert(
      fc.property(fewLabels, fewConstraints, (labels, constraint) => {
        const other = { ...constraint, operator: contrary[constraint.operator] };
        expect(satisfies(labels, constraint)).toBe(!satisfies(labels, other));
      }),
    );
  });

  test("a label of a prototype is none", () => {
    expect(satisfies({}, read("constructor exists"))).toBe(false);
    expect(satisfies({}, read("toString not exists"))).toBe(true);
  });
});

describe("what is demanded of a node", () => {
  const demands = (constraints: string[], architectures: string[] = []): NodeDemands => ({
    constraints: constraints.map(read),
    architectures,
  });

  test("is told with what the node lacks, and never with the value that its label has", () => {
    const node = { labels: { zone: "a" }, architecture: "amd64" };
    expect(unmetDemand(demands(["zone=b"]), node)).toEqual([
      "constraint",
      "zone=b is demanded, the node's zone does not meet it",
    ]);
    expect(unmetDemand(demands(["zone!=b", "gpu exists"]), node)).toEqual([
      "constraint",
      "gpu exists is demanded, the node has no gpu",
    ]);
    expect(unmetDemand(demands([], ["arm64", "arm"]), node)).toEqual([
      "architecture",
      "arm64 or arm is demanded, the node is amd64",
    ]);
    expect(unmetDemand(demands([], ["arm64"]), { labels: {}, architecture: "" })?.[1]).toContain(
      "has not said its own",
    );
    expect(unmetDemand(demands(["zone=a"], ["amd64"]), node)).toBeNull();
  });

  test("is met exactly where there is nothing to tell", () => {
    fc.assert(
      fc.property(
        fc.array(fewConstraints, { maxLength: 4 }),
        fc.uniqueArray(fc.constantFrom<string[]>("amd64", "arm64"), { maxLength: 2 }),
        fewLabels,
        fc.constantFrom("amd64", "arm64", ""),
        (constraints, architectures, labels, architecture) => {
          const [asked, node] = [
            { constraints, architectures },
            { labels, architecture },
          ];
          expect(meetsDemands(asked, node)).toBe(unmetDemand(asked, node) === null);
          const all = constraints.every((constraint) => satisfies(labels, constraint));
          const runs = architectures.length === 0 || architectures.includes(architecture);
          expect(meetsDemands(asked, node)).toBe(all && runs);
        },
      ),
    );
  });

  test("is read once for each thing, by the names that images go by, up to its bounds", () => {
    const given = { constraints: ["zone=a", "zone == a"], architectures: ["x86_64", "amd64", "aarch64"] };
    expect(readDemands(given)).toEqual({ ok: true, demands: demands(["zone=a"], ["amd64", "arm64"]) });
    expect(readDemands({})).toEqual({ ok: true, demands: {} });
    const many = (count: number) => Array.from({ length: count }, (_, n) => `l${n} exists`);
    expect(readDemands({ constraints: many(CONSTRAINTS_MAX) }).ok).toBe(true);
    expect(readDemands({ constraints: many(CONSTRAINTS_MAX + 1) })).toMatchObject({ ok: false, field: "constraints" });
    expect(readDemands({ architectures: ["a", "b", "c", "d", "e", "f", "g", "h", "i"] })).toMatchObject({
      reason: "9 architectures, at most 8 are kept",
    });
    expect(readDemands({ architectures: ["AMD 64"] })).toMatchObject({ ok: false, field: "architectures" });
  });
});
