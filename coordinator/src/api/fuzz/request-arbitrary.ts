import { type DescEnum, type DescField, type DescMessage, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { type FieldRules, field as fieldRules } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import fc from "fast-check";
import type { PoolName } from "./known-things.ts";

/** Stands for one of the things that are there when the request is sent. */
export class Reference {
  readonly pool: PoolName;
  /** Which of them, from [0, 1). */
  readonly pick: number;

  constructor(pool: PoolName, pick: number) {
    this.pool = pool;
    this.pick = pick;
  }
}

/** Fields of a request by local name; values may be or hold a Reference. */
export type RequestInit = Readonly<Record<string, unknown>>;

/** Of so many values of a field, one is such as its rules forbid, or nobody expects. */
const SANE_PER_BROKEN = 19;
/** Messages inside messages; the API's own are at most so deep. */
const DEPTH_MAX = 4;
const SANE_TEXT_MAX = 40;

/** What has broken programs before: quoting, escapes, invisible and combined characters, paths, numbers that are none, sizes. */
const NASTY = [
  "",
  " ",
  "a\0b",
  "'; drop table container; --",
  '" or 1=1 --',
  "$(touch /tmp/here) `id` && true | cat",
  "../../../etc/passwd",
  "..%2f..%2f%00",
  "__proto__",
  "constructor",
  "\r\nx-injected: yes",
  "\u001b[31mred",
  "\u202eevil",
  "🧨🧨🧨",
  "e\u0301".repeat(40),
  "-1",
  "NaN",
  "1e309",
  "null",
  "{}",
  "x".repeat(64),
  "x".repeat(70_000),
] as const;

/**
 * Requests of a method, made from its descriptor and the validation rules in it: most fields as the rules want them, some
 * against them. `poolOf` says of which kind of thing a text field names one.
 */
export function requestArbitrary(
  message: DescMessage,
  poolOf: (field: DescField) => PoolName | null,
  depth = 0,
): fc.Arbitrary<RequestInit> {
  if (depth > DEPTH_MAX) return fc.constant({});
  const fields = message.fields.map((field) => {
    const given = valueArbitrary(field, poolOf, depth);
    const required = rulesOf(field)?.type.case === "string" && !field.proto.proto3Optional;
    return [
      field.localName,
      required ? rarely(given, fc.constant(undefined)) : fc.option(given, { nil: undefined }),
    ] as const;
  });
  return fc.record(Object.fromEntries(fields)).map(withoutAbsent);
}

function valueArbitrary(
  field: DescField,
  poolOf: (field: DescField) => PoolName | null,
  depth: number,
): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "scalar":
      return scalarArbitrary(field, field.scalar, poolOf(field));
    case "enum":
      return enumArbitrary(field.enum);
    case "message":
      return requestArbitrary(field.message, poolOf, depth + 1);
    case "list":
      if (field.listKind === "message") {
        return fc.array(requestArbitrary(field.message, poolOf, depth + 1), { minLength: 1, maxLength: 3 });
      }
      if (field.listKind !== "scalar") throw new Error(`${field}: lists of enums are not made yet`);
      return fc.array(scalarArbitrary(field, field.scalar, poolOf(field), itemRules(field)), { maxLength: 4 });
    case "map": {
      if (field.mapKind !== "scalar") throw new Error(`${field}: maps of messages are not made yet`);
      const pool = poolOf(field);
      const { keys, values } = mapRules(field);
      const key = pool === null ? rarely(saneText(keys, null), text(SANE_TEXT_MAX)) : references(pool);
      // A reference cannot be a key of an object before it is resolved.
      return fc.array(fc.tuple(key, scalarArbitrary(field, field.scalar, null, values)), { maxLength: 3 });
    }
  }
}

function scalarArbitrary(
  field: DescField,
  scalar: ScalarType,
  pool: PoolName | null,
  rules: Rules = rulesOf(field),
): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return rarely(saneText(rules, pool), fc.constantFrom(...NASTY));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.UINT32: {
      const [least, most] = uint32Range(field);
      const edges = fc.constantFrom(0, least, most, Math.min(most + 1, 0xffffffff), 0xffffffff);
      return rarely(
        fc.oneof(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: least + 100 })),
        edges,
      );
    }
    case ScalarType.UINT64:
      return fc.oneof(fc.bigInt(0n, 1_000n), fc.bigInt(0n, 1n << 34n), fc.constant((1n << 64n) - 1n));
    // Of a Timestamp: what JSON can say as well.
    case ScalarType.INT64:
      return rarely(fc.bigInt(1_700_000_000n, 1_900_000_000n), fc.constantFrom(-62_135_596_800n, 0n, 253_402_300_799n));
    case ScalarType.INT32:
      return fc.integer({ min: 0, max: 999_999_999 });
    default:
      throw new Error(`${field}: no values of this kind are made yet`);
  }
}

function saneText(rules: Rules, pool: PoolName | null): fc.Arbitrary<unknown> {
  if (pool !== null) return rarely(references(pool), text(SANE_TEXT_MAX));
  if (rules?.type.case !== "string") return text(SANE_TEXT_MAX);
  const { pattern, wellKnown, maxLen } = rules.type.value;
  if (pattern !== "") return fc.stringMatching(new RegExp(pattern));
  if (wellKnown.case === "uuid") return fc.uuid();
  return text(maxLen === 0n ? SANE_TEXT_MAX : Math.min(SANE_TEXT_MAX, Number(maxLen)));
}

function uint32Range(field: DescField): [number, number] {
  const rules = rulesOf(field);
  if (rules?.type.case !== "uint32") return [0, 100_000];
  const { greaterThan, lessThan } = rules.type.value;
  return [greaterThan.case === "gte" ? greaterThan.value : 0, lessThan.case === "lte" ? lessThan.value : 100_000];
}

/** Also a number that the enum does not have: a newer client may send one. */
function enumArbitrary({ values }: DescEnum): fc.Arbitrary<number> {
  const numbers = values.map(({ number }) => number);
  return rarely(fc.constantFrom(...numbers), fc.constantFrom(99, 2_147_483_647));
}

const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ maxLength });
const references = (pool: PoolName): fc.Arbitrary<Reference> =>
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }).map((pick) => new Reference(pool, pick));

function rarely<T, U>(mostly: fc.Arbitrary<T>, rare: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ arbitrary: mostly, weight: SANE_PER_BROKEN }, { arbitrary: rare, weight: 1 });
}

type Rules = FieldRules | undefined;

function rulesOf(field: DescField): Rules {
  return hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
}

/** Of each value in a list. */
function itemRules(field: DescField): Rules {
  const rules = rulesOf(field);
  return rules?.type.case === "repeated" ? rules.type.value.items : undefined;
}

function mapRules(field: DescField): { readonly keys?: Rules; readonly values?: Rules } {
  const rules = rulesOf(field);
  return rules?.type.case === "map" ? rules.type.value : {};
}

const withoutAbsent = (fields: Record<string, unknown>): RequestInit =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
