import type { Resources } from "../domain/resources.ts";
import { type PlainWorkloadSpec, type PortDemand, runtimesOf } from "../domain/workload.ts";
import type { EggDefinition, EggVariable } from "./egg-definition.ts";
import { matchPattern, PATTERN_VALUE_MAX } from "./egg-pattern.ts";
import { ALLOCATION_PORT, type PROVIDED_VARIABLES } from "./interchange/panel-defaults.ts";
import { VARIABLE_NAME } from "./interchange/read-variables.ts";
import { stopOf } from "./interchange/stop-signal.ts";
import { panelEquipment } from "./panel-equipment.ts";
import { panelStartup, startupVariable } from "./panel-startup.ts";
import { startBudgetOf } from "./ready-lines.ts";
import { resourceProblem } from "./resource-bounds.ts";
import { brokenRule, PatternBudget } from "./rules/rule-check.ts";
import { fillStartup, placeholdersIn } from "./startup-template.ts";

/** What a user asks of an egg. */
export type WorkloadWish = {
  /** Values for the egg's variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Fixed host ports by port name; a port that is not named gets any. */
  readonly hostPorts: Readonly<Record<string, number>>;
  /** Zero or absent in a field: the egg's default. */
  readonly resources: Partial<Resources>;
  /** One of the egg's images, by its name or as it is; absent or empty: the first. */
  readonly image?: string;
  /** One of the egg's startup commands by its name; absent or empty: the first. */
  readonly startupCommand?: string;
  /** With a terminal or without; absent: as the egg says. */
  readonly tty?: boolean;
};

/** One thing that is wrong with a wish: the request's field, as JSON names it, and why. */
export type WishProblem = {
  readonly field: string;
  readonly reason: string;
  readonly kind: "invalid_argument" | "resources_out_of_range";
};

export type ResolvedWorkload =
  | {
      readonly ok: true;
      readonly spec: PlainWorkloadSpec;
      readonly resources: Resources;
      /** By runtime, the variables whose values stand in its command line. */
      readonly startupNames: Readonly<Record<string, readonly string[]>>;
    }
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
  const image = resolveImage(egg, wish.image ?? "", problems);
  const command = resolveCommand(egg, wish.startupCommand ?? "", problems);
  const { startup, startupNames } = resolveStartup(egg, command, values, problems);
  const tty = resolveTerminal(egg, wish.tty, problems);
  if (problems.length > 0) return { ok: false, problems };
  if (egg.panel !== undefined) for (const [name, value] of provided(command, resources)) values.set(name, value);
  const { volumes, health } = egg;
  const stop = stopOf(egg);
  const equipment = panelEquipment(egg);
  const spec = {
    ...{ image, startup, env: Object.fromEntries(values), ports, volumes, stop, health },
    startBudgetMs: startBudgetOf(egg),
    ...(equipment === undefined ? {} : { equipment }),
    ...(tty ? { tty } : {}),
  };
  return { ok: true, spec, resources, startupNames };
}

/** The environment that panels give every server; see PROVIDED_VARIABLES. */
function provided(command: string, resources: Resources): [(typeof PROVIDED_VARIABLES)[number], string][] {
  return [
    ["STARTUP", startupVariable(command)],
    ["SERVER_MEMORY", String(Math.floor(resources.memoryBytes / 1_024 ** 2))],
    ["SERVER_IP", "0.0.0.0"],
    ["SERVER_PORT", String(ALLOCATION_PORT)],
    ["TZ", "UTC"],
  ];
}

function resolveImage(egg: EggDefinition, given: string, problems: WishProblem[]): string {
  const images = egg.images ?? [];
  if (given !== "" && given !== egg.image) {
    const chosen = images.find(({ name }) => name === given) ?? images.find(({ image }) => image === given);
    if (chosen !== undefined) return chosen.image;
    const all = images.length > 0 ? images.map(({ name }) => JSON.stringify(name)).join(", ") : egg.image || "none";
    problems.push(invalid("image", `egg ${egg.id} has no such image; it has ${all}`));
  }
  if (egg.image === "" && Object.keys(egg.startup).join() === "docker") {
    problems.push(invalid("eggId", `egg ${egg.id} names no image, so no container can be made of it; mend the egg`));
  }
  return egg.image;
}

function resolveTerminal(egg: EggDefinition, given: boolean | undefined, problems: WishProblem[]): boolean {
  const tty = given ?? egg.tty ?? false;
  const { startup } = egg;
  if (tty && runtimesOf({ startup, tty }).length === 0) {
    const all = Object.keys(startup).join(" and ");
    const reason = `egg ${egg.id} runs on ${all} alone, where nothing has a terminal: only docker gives one`;
    problems.push(invalid(given === undefined ? "eggId" : "tty", reason));
  }
  return tty;
}

/** The command of a panel's egg, as it is there; "" where there is none. */
function resolveCommand(egg: EggDefinition, given: string, problems: WishProblem[]): string {
  const commands = egg.panel?.startupCommands ?? [];
  if (given === "") return commands[0]?.command ?? "";
  const chosen = commands.find(({ name }) => name === given);
  if (chosen === undefined) {
    const all = commands.length > 0 ? commands.map(({ name }) => JSON.stringify(name)).join(", ") : "only its own";
    problems.push(invalid("startupCommand", `egg ${egg.id} has no such startup command; it has ${all}`));
  }
  return chosen?.command ?? "";
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
  const budget = new PatternBudget();
  // What no environment can carry is never set; its import has said so.
  const variables = egg.variables.filter(({ name }) => VARIABLE_NAME.test(name));
  const known = variables.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const list = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
    problems.push(invalid(`environment.${name}`, `egg ${egg.id} has no variable ${name}; ${list}`));
  }
  let bytes = 0;
  for (const variable of variables) {
    const own = Object.hasOwn(given, variable.name) ? given[variable.name] : undefined;
    const value = own ?? variable.defaultValue;
    const reason = valueProblem(variable, value, budget);
    if (reason !== null) problems.push(invalid(`environment.${variable.name}`, reason));
    values.set(variable.name, value);
    bytes += Buffer.byteLength(variable.name) + Buffer.byteLength(value) + 2;
  }
  // How long it is is not said: it holds secrets that the caller may not know.
  if (bytes > ENVIRONMENT_BYTES_MAX) {
    problems.push(invalid("environment", `is too long in all: at most ${ENVIRONMENT_BYTES_MAX} bytes`));
  }
  return values;
}

/** Never repeats the value, nor how long it is: it may be a secret. */
function valueProblem(
  { name, required, pattern, rules = [] }: EggVariable,
  value: string,
  budget: PatternBudget,
): string | null {
  const absent = rules.length > 0 ? value.trim() === "" : value === "";
  if (absent) return required ? `${name} must be given` : null;
  if (value.length > VALUE_LENGTH_MAX) return `is too long: at most ${VALUE_LENGTH_MAX} characters`;
  if (value.includes("\0")) return "holds a NUL character, which no environment can carry";
  const broken = brokenRule(rules, value, budget);
  if (broken !== null) return `${name} ${broken}`;
  if (pattern === "") return null;
  if (value.length > PATTERN_VALUE_MAX) return `is too long: at most ${PATTERN_VALUE_MAX} characters`;
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
  command: string,
  values: ReadonlyMap<string, string>,
  problems: WishProblem[],
): { startup: Record<string, string>; startupNames: Record<string, string[]> } {
  const startup: Record<string, string> = {};
  const startupNames: Record<string, string[]> = {};
  for (const [runtime, own] of Object.entries(egg.startup)) {
    const isChosen = runtime === "docker" && command !== (egg.panel?.startupCommands[0]?.command ?? "");
    const template = isChosen ? panelStartup(command) : own;
    const names = placeholdersIn(template);
    const missing = names.filter((name) => !values.has(name));
    if (missing.length > 0) {
      const reason = `the ${runtime} startup of egg ${egg.id} uses ${missing.join(", ")}, which it does not define; mend the egg`;
      problems.push(invalid("eggId", reason));
    }
    const filled = fillStartup(template, values);
    const bytes = Buffer.byteLength(filled);
    if (bytes > COMMAND_BYTES_MAX) {
      problems.push(
        invalid("environment", `makes a command line that is too long: at most ${COMMAND_BYTES_MAX} bytes`),
      );
    }
    startup[runtime] = filled;
    startupNames[runtime] = names;
  }
  return { startup, startupNames };
}
