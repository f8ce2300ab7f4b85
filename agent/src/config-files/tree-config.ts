import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import { EVERY, type PathStep, pathSteps } from "./config-path.ts";
import { type ConfigChange, ConfigFault, type ConfigValue, changedValue } from "./config-value.ts";

/** A tree in which values are set at paths of keys and places; what lies behind is JSON's data or YAML's nodes. */
type Tree<Branch> = {
  /** Keys of an object, places of a list; null: it has neither. */
  readonly steps: (value: unknown) => (string | number)[] | null;
  readonly get: (branch: Branch, step: string | number) => unknown;
  readonly set: (branch: Branch, step: string | number, value: ConfigValue | "object" | "list") => void;
  readonly isBranch: (value: unknown, step: string | number) => value is Branch;
  /** A scalar as text; null for everything else. */
  readonly text: (value: unknown) => string | null;
};

/** Sets values in JSON. Order stays, and the indentation; comments JSON has none. */
export function editJson(text: string, changes: readonly ConfigChange[]): string {
  const bare = text.replace(/^\uFEFF/, "");
  let root: unknown = {};
  if (bare.trim() !== "") {
    try {
      root = JSON.parse(bare);
    } catch (error) {
      throw new ConfigFault(`is no JSON: ${positionOnly(error)}`);
    }
  }
  if (typeof root !== "object" || root === null) throw new ConfigFault("is JSON, but neither an object nor a list");
  const before = JSON.stringify(root);
  for (const change of changes) apply(root, change, JSON_TREE);
  if (JSON.stringify(root) === before && bare.trim() !== "") return text;
  const indent = /^[[{]\r?\n([ \t]+)/.exec(bare.trimStart())?.[1] ?? "  ";
  return `${JSON.stringify(root, null, indent)}\n`;
}

/** The engine's message may repeat what is in the file. */
function positionOnly(error: unknown): string {
  return /at position \d+(?: \(line \d+ column \d+\))?/.exec(String(error))?.[0] ?? "it ends too early or is none";
}

/** Sets values in YAML; comments and order stay. */
export function editYaml(text: string, changes: readonly ConfigChange[]): string {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, keepSourceTokens: false, strict: false, uniqueKeys: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0]);
    throw new ConfigFault(`is no YAML that can be read: line ${line}: ${problem.code}`);
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    // A map, which a document may hold; createNode's type does not say which kind of node it made.
    document.contents = document.createNode({}) as unknown as typeof document.contents;
  }
  if (!isMap(document.contents) && !isSeq(document.contents)) {
    throw new ConfigFault("is YAML, but neither an object nor a list");
  }
  let changed = 0;
  for (const change of changes) changed += apply(document.contents, change, yamlTree(document));
  if (changed === 0) return text;
  inlineLostAliases(document);
  return document.toString({ lineWidth: 0, ...styleOf(text) });
}

/** How deep the text indents, and whether it indents lists below their key. */
function styleOf(text: string): { readonly indent: number; readonly indentSeq: boolean } {
  const indent = /^( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 2;
  const isFlush = /^([ ]*)[^\s#-][^\n]*:[ \t]*\r?\n\1- /m.test(text);
  return { indent: Math.min(8, indent), indentSeq: !isFlush };
}

/** An alias whose anchor was replaced would name nothing. */
function inlineLostAliases(document: Document): void {
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) throw new ConfigFault(`names "*${alias.source}", which was replaced`);
    },
  });
}

/** Sets one value wherever its path leads; how many places were changed. */
function apply<Branch>(root: unknown, change: ConfigChange, tree: Tree<Branch>): number {
  const steps = pathSteps(change.match);
  if (steps === null) return 0;
  // Behind "*" only what is there is changed: a path is completed where it says one place.
  return descend(root, steps, change, tree);
}

function descend<Branch>(at: unknown, steps: readonly PathStep[], change: ConfigChange, tree: Tree<Branch>): number {
  const [step, ...rest] = steps;
  if (step === undefined) return 0;
  if (step === EVERY) {
    const all = tree.steps(at) ?? [];
    return all.reduce<number>((count, one) => count + descend(at, [one, ...rest], change, tree), 0);
  }
  // What is in the way of a path is not replaced: it means something else to who has written it.
  if (!tree.isBranch(at, step)) return 0;
  const present = tree.get(at, step);
  if (rest.length === 0) {
    const isThere = (tree.steps(at) ?? []).includes(step);
    const next = changedValue(change, isThere ? tree.text(present) : null);
    if (next === undefined) return 0;
    tree.set(at, step, typed(next));
    return 1;
  }
  if (present === undefined || present === null) {
    if (change.ifValue !== null || rest.includes(EVERY)) return 0;
    tree.set(at, step, typeof rest[0] === "number" ? "list" : "object");
  }
  return descend(tree.get(at, step), rest, change, tree);
}

/** A text that is a whole number is one, as panels have it. */
function typed(value: ConfigValue): ConfigValue {
  if (typeof value !== "string" || !/^[+-]?\d{1,15}$/.test(value)) return value;
  return Number(value);
}

const JSON_TREE: Tree<Record<string | number, unknown>> = {
  steps: (value) =>
    Array.isArray(value) ? [...value.keys()] : typeof value === "object" && value !== null ? Object.keys(value) : null,
  get: (branch, step) => (Object.hasOwn(branch, step) ? branch[step] : undefined),
  set: (branch, step, value) => {
    const made = value === "object" ? {} : value === "list" ? [] : value;
    // Not an assignment: "__proto__" is a key like any other.
    Object.defineProperty(branch, step, { value: made, enumerable: true, configurable: true, writable: true });
  },
  isBranch: (value, step): value is Record<string | number, unknown> =>
    typeof step === "number"
      ? Array.isArray(value) && step <= value.length
      : typeof value === "object" && value !== null && !Array.isArray(value),
  text: (value) => (value === null || ["string", "number", "boolean"].includes(typeof value) ? String(value) : null),
};

type YamlBranch = { get(key: unknown, keepScalar: true): unknown; set(key: unknown, value: unknown): void };

function yamlTree(document: Document): Tree<YamlBranch> {
  const real = (value: unknown): unknown => (isAlias(value) ? value.resolve(document) : value);
  const found = (value: unknown, step: string | number): unknown => {
    const branch = real(value);
    if (isSeq(branch)) return branch.get(step, true);
    if (!isMap(branch)) return undefined;
    // A key "8080" may be a number to YAML.
    return branch.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step))?.value;
  };
  const scalar = (value: unknown): string | null => {
    const node = real(value);
    if (node === undefined || node === null) return null;
    return isScalar(node) ? String(node.value) : null;
  };
  return {
    steps: (value) => {
      const branch = real(value);
      if (isSeq(branch)) return [...branch.items.keys()];
      return isMap(branch) ? branch.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : null;
    },
    get: (branch, step) => {
      const node = real(found(branch, step));
      return isScalar(node) && node.value === null ? null : node;
    },
    set: (branch, step, value) => {
      const made = value === "object" ? {} : value === "list" ? [] : value;
      const node = document.createNode(made) as Node;
      const owner = real(branch);
      if (isSeq(owner)) return owner.set(step, node);
      if (!isMap(owner)) return;
      const pair = owner.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
      if (pair === undefined) {
        owner.set(document.createNode(step), node);
        return;
      }
      const before = pair.value as Node | null;
      if (isScalar(before) && isScalar(node)) {
        // Its comment and its quotes stay where they are.
        if (before.comment) node.comment = before.comment;
        if (before.commentBefore) node.commentBefore = before.commentBefore;
        if (before.type && typeof node.value === "string" && /QUOTE/.test(before.type)) node.type = before.type;
      }
      pair.value = node;
    },
    isBranch: (value, step): value is YamlBranch => {
      const branch = real(value);
      return typeof step === "number" ? isSeq(branch) && step <= branch.items.length : isMap(branch);
    },
    text: scalar,
  };
}
