import { builtinModules } from "node:module";
import { posix } from "node:path";

/** What an import leads to: a file of this repository ("agent/src/main.ts"), a package ("xstate") or Node itself. */
export type ImportTarget =
  | { readonly kind: "room"; readonly path: string }
  | { readonly kind: "package"; readonly name: string }
  | { readonly kind: "node"; readonly name: string };

/** One import that points the wrong way, with the rule it breaks. */
export type Violation = { readonly file: string; readonly line: number; readonly message: string };

type Arrow = {
  /** Files that the rule binds. */
  readonly binds: (file: string) => boolean;
  /** True when such a file may import the target. */
  readonly allows: (target: ImportTarget) => boolean;
  /** Ends the sentence "… must not be imported here: ". */
  readonly rule: string;
};

const under =
  (...folders: readonly string[]) =>
  (path: string): boolean =>
    folders.some((folder) => path.startsWith(folder));
const isTest = (file: string): boolean => /\.(test|faults|spec)\.ts$/.test(file);
const isTestPackage = (target: ImportTarget): boolean =>
  target.kind === "package" && ["vitest", "fast-check"].includes(target.name);
const isRoom = (target: ImportTarget, ...folders: readonly string[]): boolean =>
  target.kind === "room" && under(...folders)(target.path);
const isPackage = (target: ImportTarget, ...names: readonly string[]): boolean =>
  target.kind === "package" && names.includes(target.name);
const isEntityFile = (path: string): boolean =>
  path.startsWith("coordinator/src/store/") && (/\/entities(\/|\.ts$)/.test(path) || /[-/]entity\.ts$/.test(path));

/** The arrows of docs/architecture.md, one entry a sentence. Tests beside the code may also import vitest and fast-check. */
const ARROWS: readonly Arrow[] = [
  {
    binds: under("coordinator/"),
    allows: (target) => !isRoom(target, "agent/"),
    rule: "coordinator and agent never import each other; what both need is gen, wire or lease",
  },
  {
    binds: under("agent/"),
    allows: (target) => !isRoom(target, "coordinator/"),
    rule: "coordinator and agent never import each other; what both need is gen, wire or lease",
  },
  {
    binds: under("coordinator/src/domain/"),
    allows: (target) => isRoom(target, "coordinator/src/domain/", "lease/") || isPackage(target, "xstate"),
    rule: "coordinator/src/domain is pure: it imports xstate, itself and @lormas/lease only",
  },
  {
    binds: under("coordinator/src/eggs/interchange/", "coordinator/src/eggs/rules/"),
    allows: (target) =>
      isRoom(target, "coordinator/src/eggs/", "coordinator/src/domain/") ||
      isPackage(target, "yaml", "zod") ||
      (target.kind === "node" && ["crypto", "net"].includes(target.name)),
    rule: "reading and writing eggs is pure: it imports eggs, domain, yaml and zod, and of Node's modules what computes alone",
  },
  {
    binds: under("coordinator/src/permissions/"),
    allows: (target) => isRoom(target, "coordinator/src/permissions/") || isPackage(target, "@bufbuild/protobuf"),
    rule: "coordinator/src/permissions is pure: it imports itself and the descriptors of methods",
  },
  {
    binds: under("lease/"),
    allows: (target) => isRoom(target, "lease/"),
    rule: "lease imports nothing but itself",
  },
  {
    binds: under("chance/"),
    allows: (target) => isRoom(target, "chance/") || target.kind === "node",
    rule: "chance imports nothing but itself and Node's own modules",
  },
  {
    binds: under("agent/src/guard/", "agent/src/process/", "agent/src/clock/"),
    allows: (target) =>
      isRoom(target, "agent/src/guard/", "agent/src/process/", "agent/src/clock/", "lease/") || target.kind === "node",
    rule: "the guard, and what it stands on (process, clock), imports only the lease core and Node's own modules, so that little can go wrong in it",
  },
  {
    binds: (file) => under("coordinator/")(file) && !under("coordinator/src/store/")(file),
    allows: (target) => !(target.kind === "room" && isEntityFile(target.path)),
    rule: "entities leave coordinator/src/store only through its mappers",
  },
  {
    binds: (file) => !under("agent/src/runtime/docker/")(file),
    allows: (target) => !isPackage(target, "dockerode"),
    rule: "only agent/src/runtime/docker speaks to dockerode",
  },
  {
    binds: under("simulator/"),
    allows: (target) =>
      target.kind !== "room" || isRoom(target, "simulator/", "agent/", "chance/", "coordinator/", "gen/", "lease/"),
    rule: "the simulator drives agent and coordinator alone",
  },
  {
    binds: (file) => !under("simulator/")(file),
    allows: (target) => !isRoom(target, "simulator/"),
    rule: "nothing stands on the simulator",
  },
  {
    binds: under("lab/"),
    allows: (target) =>
      target.kind !== "room" ||
      isRoom(target, "lab/", "agent/", "chance/", "gen/", "lease/", "cli/src/client/") ||
      isRoom(target, "coordinator/src/eggs/", "coordinator/src/store/"),
    rule: "the lab runs the product as processes: it imports the agent, chance, lease, gen, the API's client and what stores an egg",
  },
  {
    binds: (file) => !under("lab/", "e2e/", "bench/")(file),
    allows: (target) => !isRoom(target, "lab/"),
    rule: "only e2e and bench stand on the lab: what tests and measures on its hosts, never the product",
  },
  {
    binds: under("conformance/"),
    allows: (target) =>
      target.kind !== "room" ||
      isRoom(target, "conformance/", "gen/", "wire/", "agent/src/process/") ||
      isRoom(
        target,
        "coordinator/src/agents/",
        "coordinator/src/domain/refusal.ts",
        "coordinator/src/runtime/clock.ts",
      ),
    rule: "the conformance suite knows no agent: it imports gen, wire, the coordinator's certificates and enrolment, and what looks at this machine's processes",
  },
  {
    binds: (file) => !under("conformance/")(file),
    allows: (target) => !isRoom(target, "conformance/"),
    rule: "nothing stands on the conformance suite",
  },
  {
    binds: under("ui/"),
    allows: (target) => target.kind !== "room" || isRoom(target, "ui/", "gen/"),
    rule: "the dashboard is a client: of this repository it imports only gen",
  },
  {
    binds: under("cli/"),
    allows: (target) => target.kind !== "room" || isRoom(target, "cli/", "gen/"),
    rule: "the CLI is a client: of this repository it imports only gen (it starts the other parts as processes)",
  },
];

/** Every import, export-from and dynamic import with a literal in a formatted TypeScript or Svelte source. */
export function importsOf(source: string): { readonly specifier: string; readonly line: number }[] {
  const found: { specifier: string; line: number }[] = [];
  const pattern =
    /(?:^|[\n;>])[ \t]*(?:import|export)\s(?:[^;"'`]*?\sfrom\s*)?["']([^"'\n]+)["']|\bimport\(\s*["']([^"'\n]+)["']/g;
  for (const match of source.matchAll(pattern)) {
    const specifier = match[1] ?? match[2];
    if (specifier === undefined) continue;
    const end = (match.index ?? 0) + match[0].length;
    found.push({ specifier, line: source.slice(0, end).split("\n").length });
  }
  return found;
}

/** Where an import specifier written in `file` leads; workspace packages and path aliases become their folders. */
export function targetOf(file: string, specifier: string): ImportTarget {
  if (specifier.startsWith(".")) return { kind: "room", path: posix.join(posix.dirname(file), specifier) };
  if (specifier.startsWith("#lib/") || specifier.startsWith("$lib/")) {
    return { kind: "room", path: `ui/src/lib/${specifier.slice(5)}` };
  }
  if (specifier.startsWith("@lormas/")) {
    const [, room = "", ...rest] = specifier.split("/");
    return { kind: "room", path: [room, "src", ...rest].join("/") };
  }
  if (specifier === "lormas" || specifier.startsWith("lormas/")) {
    return { kind: "room", path: `cli/${specifier.slice("lormas/".length)}` };
  }
  const bare = specifier.replace(/^node:/, "");
  if (specifier.startsWith("node:") || builtinModules.includes(bare)) return { kind: "node", name: bare };
  const parts = specifier.split("/");
  return { kind: "package", name: specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier) };
}

/** The imports of one file (path relative to the root, with forward slashes) that point the wrong way. */
export function arrowViolations(file: string, source: string): Violation[] {
  const arrows = ARROWS.filter((arrow) => arrow.binds(file));
  if (arrows.length === 0) return [];
  return importsOf(source).flatMap(({ specifier, line }) => {
    const target = targetOf(file, specifier);
    if (isTest(file) && isTestPackage(target)) return [];
    return arrows
      .filter((arrow) => !arrow.allows(target))
      .map((arrow) => ({ file, line, message: `"${specifier}" must not be imported here: ${arrow.rule}` }));
  });
}
