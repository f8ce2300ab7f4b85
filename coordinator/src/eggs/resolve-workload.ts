import type { Resources } from "../domain/resources.ts";
import type { PortDemand, WorkloadSpec } from "../domain/workload.ts";
import type { EggDefinition, EggVariable } from "./egg-definition.ts";
import { matchPattern, PATTERN_VALUE_MAX } from "./egg-pattern.ts";
import { resourceProblem } from "./resource-bounds.ts";
import { fillStartup, placeholdersIn } from "./startup-template.ts";

/** What a user asks of an egg. */
export type WorkloadWish = {
  /** Values for the egg's variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Fixed host ports by port name; a port that is not named gets any. */
  readonly hostPorts: Readonly<Record<string, number>>;
  /** Zero or absent in a field: the egg's default. */
  readonly resources: Partial<Resources>;
};

/** One thing that is wrong with a wish: the request's field, as JSON names it, and why. */
export type WishProblem = {
  readonly field: string;
  readonly reason: string;
  readonly kind: "invalid_argument" | "resources_out_of_range";
};

export type ResolvedWorkload =
  | { readonly ok: true; readonly spec: WorkloadSpec; readonly resources: Resources }
  | { readonly ok: false; readonly problems: readonly WishProblem[] };

/** Longest value of one variable, in characters. */
export const VALUE_LENGTH_MAX = 8_192;
/** Longest filled command line and longest environment in bytes, well below what a kernel takes. */
export const COMMAND_BYTES_MAX = 64 * 1024;
export const ENVIRONMENT_BYTES_MAX = 128 * 1024;

/** Turns an egg and a wish into what a runtime needs, or names everything that is wrong with the wish. Decides on values alone. */
export function resolveWorkload(egg: EggDefinition, wish: WorkloadWish): ResolvedWorkload {
  const problems: WishProblem[] = [];
  const values = resolveVariables(egg, wish.environment, problems);
  const ports = resolvePorts(egg, wish.hostPorts, problems);
  const resources = resolveResources(egg, wish.resources, problems);
  const startup = resolveStartup(egg, values, problems);
  if (problems.length > 0) return { ok: false, problems };
  const { image, volumes, stop, health, startBudgetMs } = egg;
  const spec = { image, startup, env: Object.fromEntries(values), ports, volumes, stop, health, startBudgetMs };
  return { ok: true, spec, resources };
}

function invalid(field: string, reason: string): WishProblem {
  return { field, reason, kind: "invalid_argument" };
}

function resolveVariables(
  egg: EggDefinition,
  given: Readonly<Record<string, string>>,
  problems: WishProblem[],
): Map<string, string> {
  const values = new Map<string, string>();
  const known = egg.variables.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const list = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
    problems.push(invalid(`environment.${name}`, `egg ${egg.id} has no variable ${name}; ${list}`));
  }
  let bytes = 0;
  for (const variable of egg.variables) {
    const own = Object.hasOwn(given, variable.name) ? given[variable.name] : undefined;
    const value = own ?? variable.defaultValue;
    const reason = valueProblem(variable, value);
    if (reason !== null) problems.push(invalid(`environment.${variable.name}`, reason));
    values.set(variable.name, value);
    bytes += Buffer.byteLength(variable.name) + Buffer.byteLength(value) + 2;
  }
  if (bytes > ENVIRONMENT_BYTES_MAX) {
    problems.push(invalid("environment", `${bytes} bytes in all; at most ${ENVIRONMENT_BYTES_MAX}`));
  }
  return values;
}

/** Never repeats the value: it may be a secret. */
function valueProblem({ name, required, pattern }: EggVariable, value: string): string | null {
  if (value === "") return required ? `${name} must be given` : null;
  if (value.length > VALUE_LENGTH_MAX) return `${value.length} characters; at most ${VALUE_LENGTH_MAX}`;
  if (value.includes("\0")) return "holds a NUL character, which no environment can carry";
  if (pattern === "") return null;
  if (value.length > PATTERN_VALUE_MAX) return `${value.length} characters; at most ${PATTERN_VALUE_MAX}`;
  switch (matchPattern(pattern, value)) {
    case "matches":
      return null;
    case "differs":
      return `does not match ${pattern}`;
    case "too_slow":
      return `cannot be checked: the egg's pattern ${pattern} takes too long on it; give a simpler value or mend the egg`;
    case "malformed":
      return `cannot be checked: the egg's pattern ${pattern} is no regular expression; mend the egg`;
  }
}

function resolvePorts(
  egg: EggDefinition,
  given: Readonly<Record<string, number>>,
  problems: WishProblem[],
): PortDemand[] {
  const known = egg.ports.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const list = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
    problems.push(invalid(`hostPorts.${name}`, `egg ${egg.id} has no port ${name}; ${list}`));
  }
  const holders = new Map<string, string>();
  return egg.ports.map(({ name, containerPort, protocol }) => {
    const fixed = Object.hasOwn(given, name) ? (given[name] ?? null) : null;
    if (fixed !== null) {
      if (!Number.isInteger(fixed) || fixed < 1 || fixed > 65_535) {
        problems.push(invalid(`hostPorts.${name}`, `${fixed} is no port: 1 to 65535`));
      }
      const holder = holders.get(`${protocol}/${fixed}`);
      if (holder !== undefined) {
        problems.push(invalid(`hostPorts.${name}`, `${fixed}/${protocol} is asked for by port ${holder} already`));
      }
      holders.set(`${protocol}/${fixed}`, name);
    }
    return { name, containerPort, protocol, fixedHostPort: fixed };
  });
}

function resolveResources(egg: EggDefinition, given: Partial<Resources>, problems: WishProblem[]): Resources {
  const amount = (name: keyof Resources): number => {
    // A protobuf field that nobody set is zero.
    const wanted = given[name] === undefined || given[name] === 0 ? egg.defaultResources[name] : given[name];
    const reason = resourceProblem(name, wanted);
    if (reason !== null) problems.push({ field: `resources.${name}`, reason, kind: "resources_out_of_range" });
    return wanted;
  };
  return { cpuMillis: amount("cpuMillis"), memoryBytes: amount("memoryBytes"), diskBytes: amount("diskBytes") };
}

function resolveStartup(
  egg: EggDefinition,
  values: ReadonlyMap<string, string>,
  problems: WishProblem[],
): Record<string, string> {
  const startup: Record<string, string> = {};
  for (const [runtime, template] of Object.entries(egg.startup)) {
    const missing = placeholdersIn(template).filter((name) => !values.has(name));
    if (missing.length > 0) {
      const reason = `the ${runtime} startup of egg ${egg.id} uses ${missing.join(", ")}, which it does not define; mend the egg`;
      problems.push(invalid("eggId", reason));
    }
    const filled = fillStartup(template, values);
    const bytes = Buffer.byteLength(filled);
    if (bytes > COMMAND_BYTES_MAX) {
      problems.push(invalid("environment", `makes a command line of ${bytes} bytes; at most ${COMMAND_BYTES_MAX}`));
    }
    startup[runtime] = filled;
  }
  return startup;
}
