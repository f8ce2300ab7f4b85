import { type DescField, type DescMessage, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
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

/** Says of which kind of thing a field names one; null: of none, or of a new one. */
type PoolOf = (field: DescField) => PoolName | null;

/** Of so many values of a field, one is such as its rules forbid, or nobody expects. */
const SANE_PER_BROKEN = 19;
/** Messages inside messages; the API's own are at most so deep. */
const DEPTH_MAX = 4;
const SANE_TEXT_MAX = 40;
/** A message inside a request that has more fields than this has fewer of them given: of so many one would be broken in each. */
const GIVEN_INSIDE = 8;
const UINT32_MAX = 0xffff_ffff;
const UINT64_MAX = (1n << 64n) - 1n;

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

/** Numbers that a rule in words bounds, and not one in the descriptor, by field: what a small node can give. */
const SANE_NUMBERS: Readonly<Record<string, readonly [number, number]>> = {
  "lormas.api.v1.Resources.cpu_millis": [10, 200],
  "lormas.api.v1.Resources.memory_bytes": [4 * 1024 ** 2, 128 * 1024 ** 2],
  "lormas.api.v1.Resources.disk_bytes": [0, 100_000_000],
};

/** Two fields of a message of which one is to be given. */
const EITHER: Readonly<Record<string, readonly [string, string]>> = {
  "lormas.api.v1.GrantRoleRequest": ["cluster", "container"],
  "lormas.api.v1.UngrantRoleRequest": ["cluster", "container"],
  "lormas.api.v1.GrantWish": ["cluster", "container"],
  "lormas.api.v1.CanIRequest": ["cluster", "container"],
  "lormas.api.v1.EggDraft": ["startup", "panel"],
};
/** What names other fields of its request, and those that it never names. */
const MASK = "update_mask";
const UNMASKED: ReadonlySet<string> = new Set(["id", "etag", "validate_only", MASK]);
const POLICY = "lormas.api.v1.PolicyChoice";
const OWN_FIGURES = { profile: "custom", intervalMs: 500, leaseMs: 10_000 };

/**
 * Requests of a method, made from its descriptor and the validation rules in it: most fields as the rules want them, some
 * against them. `poolOf` says of which kind of thing a text field names one.
 */
export function requestArbitrary(message: DescMessage, poolOf: PoolOf, depth = 0): fc.Arbitrary<RequestInit> {
  if (depth > DEPTH_MAX) return fc.constant({});
  const spared = depth === 0 ? 0 : Math.max(0, message.fields.length - GIVEN_INSIDE);
  const fields = message.fields.map((field) => {
    const given = valueArbitrary(field, poolOf, depth);
    const absent = { arbitrary: fc.constant(undefined), weight: 1 + spared };
    return [
      field.localName,
      isNeeded(field) ? rarely(given, fc.constant(undefined)) : fc.oneof({ arbitrary: given, weight: 2 }, absent),
    ] as const;
  });
  const request = fc.record(Object.fromEntries(fields)).map(withoutAbsent).map(inOrder);
  if (message.typeName === POLICY) {
    const named = fc.record({ profile: fc.nat().map((pick) => new Reference("profile", (pick % 1_000) / 1_000)) });
    return fc.oneof({ arbitrary: named, weight: 6 }, { arbitrary: fc.constant(OWN_FIGURES), weight: 2 }, request);
  }
  const either = EITHER[message.typeName];
  if (either === undefined) return request;
  const left = rarely(fc.boolean(), fc.constant(null));
  const bothGiven = (made: RequestInit): boolean => either.every((name) => made[name] !== undefined);
  return fc
    .tuple(request, left)
    .map(([made, first]) => (first === null || !bothGiven(made) ? made : without(made, either[first ? 0 : 1])));
}

/** Whether a request without the field says nothing; others are given as often as not. */
function isNeeded(field: DescField): boolean {
  const rules = rulesOf(field);
  if (rules?.required) return true;
  if (rules?.type.case === "repeated") return rules.type.value.minItems > 0n;
  if (rules?.type.case === "map") return rules.type.value.minPairs > 0n;
  if (field.proto.proto3Optional) return false;
  return rules?.type.case === "string" || (rules?.type.case === "uint32" && uint32Range(rules)[0] > 0);
}

function valueArbitrary(field: DescField, poolOf: PoolOf, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "scalar":
      return scalarArbitrary(field, field.scalar, poolOf(field));
    case "enum":
      return enumArbitrary(field);
    case "message":
      return requestArbitrary(field.message, poolOf, depth + 1);
    case "list": {
      if (field.listKind === "message") {
        return fc.array(requestArbitrary(field.message, poolOf, depth + 1), { minLength: 1, maxLength: 3 });
      }
      if (field.listKind !== "scalar") throw new Error(`${field}: lists of enums are not made yet`);
      const rules = rulesOf(field);
      const least = rules?.type.case === "repeated" ? Number(rules.type.value.minItems) : 0;
      const item = scalarArbitrary(field, field.scalar, poolOf(field), itemRules(field));
      return fc.array(item, { minLength: least, maxLength: Math.max(least, 3) });
    }
    case "map": {
      if (field.mapKind !== "scalar") throw new Error(`${field}: maps of messages are not made yet`);
      const pool = poolOf(field);
      const { keys, values } = mapRules(field);
      const key = rarely(pool === null ? saneText(keys) : references(pool), text(0, SANE_TEXT_MAX));
      // A reference cannot be a key of an object before it is resolved.
      const minLength = isNeeded(field) ? 1 : 0;
      return fc.array(fc.tuple(key, scalarArbitrary(field, field.scalar, null, values)), { minLength, maxLength: 2 });
    }
  }
}

function maskedNames({ parent }: DescField): fc.Arbitrary<string> {
  const own = parent.fields.filter(({ name }) => !UNMASKED.has(name));
  const [only] = own;
  // Of an update of the one thing that it holds, that one's.
  const fields = own.length === 1 && only?.fieldKind === "message" ? only.message.fields : own;
  return fc.constantFrom(...fields.map(({ name }) => name));
}

function scalarArbitrary(
  field: DescField,
  scalar: ScalarType,
  pool: PoolName | null,
  rules: Rules = rulesOf(field),
): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return rarely(
        pool !== null ? references(pool) : field.name === MASK ? maskedNames(field) : saneText(rules),
        fc.oneof(fc.constantFrom(...NASTY), text(0, SANE_TEXT_MAX)),
      );
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.UINT32: {
      const [least, most] = SANE_NUMBERS[nameOf(field)] ?? uint32Range(rules);
      const edges = fc.constantFrom(0, least, most, Math.min(most + 1, UINT32_MAX), UINT32_MAX);
      const small = fc.integer({ min: least, max: Math.min(most, least + 100) });
      return rarely(fc.oneof(fc.integer({ min: least, max: most }), small), edges);
    }
    case ScalarType.UINT64: {
      const sane = SANE_NUMBERS[nameOf(field)];
      const [least, most] = sane ? [BigInt(sane[0]), BigInt(sane[1])] : uint64Range(rules);
      const edges = fc.constantFrom(0n, least, most, most < UINT64_MAX ? most + 1n : most, UINT64_MAX);
      return pool === null ? rarely(fc.bigInt(least, most), edges) : rarely(references(pool), edges);
    }
    // Of a Timestamp: what JSON can say as well.
    case ScalarType.INT64:
      return rarely(fc.bigInt(1_700_000_000n, 1_900_000_000n), fc.constantFrom(-62_135_596_800n, 0n, 253_402_300_799n));
    case ScalarType.INT32:
      return fc.integer({ min: 0, max: 999_999_999 });
    default:
      throw new Error(`${field}: no values of this kind are made yet`);
  }
}

function saneText(rules: Rules): fc.Arbitrary<unknown> {
  if (rules?.type.case !== "string") return text(0, SANE_TEXT_MAX);
  const { pattern, wellKnown, minLen, maxLen, in: listed } = rules.type.value;
  if (listed.length > 0) return fc.constantFrom(...listed);
  if (pattern !== "") {
    const [least, most] = [Number(minLen), maxLen === 0n ? Number.POSITIVE_INFINITY : Number(maxLen)];
    return fc.stringMatching(new RegExp(pattern)).filter((made) => made.length >= least && made.length <= most);
  }
  if (wellKnown.case === "uuid") return fc.uuid();
  return text(Number(minLen), maxLen === 0n ? SANE_TEXT_MAX : Math.min(SANE_TEXT_MAX, Number(maxLen)));
}

function uint32Range(rules: Rules): [number, number] {
  if (rules?.type.case !== "uint32") return [0, 100_000];
  const { greaterThan, lessThan } = rules.type.value;
  return [greaterThan.case === "gte" ? greaterThan.value : 0, lessThan.case === "lte" ? lessThan.value : 100_000];
}

function uint64Range(rules: Rules): [bigint, bigint] {
  if (rules?.type.case !== "uint64") return [0n, 1n << 34n];
  const { greaterThan, lessThan } = rules.type.value;
  return [greaterThan.case === "gte" ? greaterThan.value : 0n, lessThan.case === "lte" ? lessThan.value : 1n << 34n];
}

/** Also what the rules forbid, and a number that the enum does not have: a newer client may send one. */
function enumArbitrary(field: DescField & { readonly fieldKind: "enum" }): fc.Arbitrary<number> {
  const rules = rulesOf(field);
  const forbidden = rules?.type.case === "enum" ? rules.type.value.notIn : [];
  const numbers = field.enum.values.map(({ number }) => number).filter((number) => !forbidden.includes(number));
  return rarely(fc.constantFrom(...numbers), fc.constantFrom(0, 99, 2_147_483_647));
}

const text = (minLength: number, maxLength: number): fc.Arbitrary<string> => fc.string({ minLength, maxLength });
const references = (pool: PoolName): fc.Arbitrary<Reference> =>
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }).map((pick) => new Reference(pool, pick));

function rarely<T, U>(mostly: fc.Arbitrary<T>, rare: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ arbitrary: mostly, weight: SANE_PER_BROKEN }, { arbitrary: rare, weight: 1 });
}

type Rules = FieldRules | undefined;

const nameOf = (field: DescField): string => `${field.parent.typeName}.${field.name}`;

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

function without(fields: RequestInit, name: string): RequestInit {
  const { [name]: _, ...rest } = fields;
  return rest;
}

/** A time from which on and one until which, the earlier first; what is broken about them stays. */
function inOrder(fields: RequestInit): RequestInit {
  const [from, to] = [secondsOf(fields["from"]), secondsOf(fields["to"])];
  if (from === null || to === null || from < to) return fields;
  return { ...fields, from: fields["to"], to: fields["from"] };
}

function secondsOf(value: unknown): bigint | null {
  const seconds = typeof value === "object" && value !== null ? (value as RequestInit)["seconds"] : null;
  return typeof seconds === "bigint" ? seconds : null;
}
