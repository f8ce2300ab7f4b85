import type { MessageInitShape } from "@bufbuild/protobuf";
import { ContainerType, type Egg, type EggVariable, RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CreateContainerRequestSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";

/** What a person typed; numbers are still text. */
export type CreateForm = {
  name: string;
  eggId: string;
  ha: boolean;
  preferredCluster: string;
  environment: Record<string, string>;
  cpuCores: string;
  memoryMib: string;
  diskMib: string;
  /** Port name to host port; empty takes one from the node's pool. */
  hostPorts: Record<string, string>;
  createStopped: boolean;
  allowDataLoss: boolean;
  priority: keyof typeof PRIORITIES;
  /** HA only; empty: what the server says. */
  crashesBeforeMove: string;
  /** What it demands of a node's labels beside what its egg does, one a line. */
  constraints: string;
  /** CPU architectures with commas between them; empty: the egg's. */
  architectures: string;
};

/** Who goes first where not everybody can, as a person chooses it. */
export const PRIORITIES = {
  critical: RestartPriority.CRITICAL,
  high: RestartPriority.HIGH,
  normal: RestartPriority.NORMAL,
  low: RestartPriority.LOW,
} as const;

/** Problems by field, in proto notation ("resources.memory_bytes", "environment.GREETING"). */
export type FormProblems = Readonly<Record<string, string>>;

const mib = 1024 * 1024;
const namePattern = /^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/;
/** The greatest number of the wire format (uint32). */
const cpuMillisMax = 4_294_967_295;
/** A pebibyte in MiB: more is a slip of the finger. */
const mibMax = 1024 ** 3;

/** A form with an egg's defaults in place; keeps what does not depend on the egg. */
export function formForEgg(form: CreateForm, egg: Egg): CreateForm {
  const defaults = egg.defaultResources;
  return {
    ...form,
    eggId: egg.id,
    environment: Object.fromEntries(egg.variables.map(({ name, defaultValue }) => [name, defaultValue])),
    cpuCores: amountText(defaults?.cpuMillis, 1000),
    memoryMib: amountText(defaults?.memoryBytes, mib),
    diskMib: amountText(defaults?.diskBytes, mib),
    hostPorts: Object.fromEntries(egg.ports.map(({ name }) => [name, ""])),
    allowDataLoss: false,
  };
}

/** An egg with those of its variables alone that a person sets who may not set what eggs keep from users. */
export function asUsersSeeIt(egg: Egg): Egg {
  return { ...egg, variables: egg.variables.filter(({ userViewable, userEditable }) => userViewable && userEditable) };
}

/** A form before anything was typed. */
export function emptyForm(): CreateForm {
  return {
    name: "",
    eggId: "",
    ha: true,
    preferredCluster: "",
    environment: {},
    cpuCores: "",
    memoryMib: "",
    diskMib: "",
    hostPorts: {},
    createStopped: false,
    allowDataLoss: false,
    priority: "normal",
    crashesBeforeMove: "",
    constraints: "",
    architectures: "",
  };
}

/** True when the egg keeps data that does not follow a container to another node. */
export function keepsLocalData(egg: Egg | undefined): boolean {
  return egg?.volumes.some(({ kind }) => kind === "local") ?? false;
}

/** Everything wrong with a form, by the egg's rules; the server has the last word. */
export function formProblems(form: CreateForm, egg: Egg | undefined): FormProblems {
  const problems: Record<string, string> = {};
  if (form.name === "") problems["name"] = "Give it a name.";
  else if (!namePattern.test(form.name)) {
    problems["name"] = "Use 2 to 63 lower-case letters, digits and hyphens; no hyphen at either end.";
  }
  if (egg === undefined) {
    problems["egg_id"] = "Choose an egg.";
    return problems;
  }
  for (const variable of egg.variables) {
    const problem = variableProblem(variable, form.environment[variable.name] ?? "");
    if (problem !== null) problems[`environment.${variable.name}`] = problem;
  }
  put(problems, "resources.cpu_millis", amountProblem(form.cpuCores, "cores", 0.001, cpuMillisMax / 1000));
  put(problems, "resources.memory_bytes", amountProblem(form.memoryMib, "MiB", 1, mibMax));
  put(problems, "resources.disk_bytes", amountProblem(form.diskMib, "MiB", 1, mibMax));
  if (form.ha && !/^(|\d|10)$/.test(form.crashesBeforeMove.trim())) {
    problems["crashes_before_move"] = "Give a whole number from 0 to 10, or leave it empty.";
  }
  const takenBy = new Map<string, string>();
  for (const { name, protocol } of egg.ports) {
    const text = (form.hostPorts[name] ?? "").trim();
    if (text === "") continue;
    const port = Number(text);
    const key = `${protocol}/${port}`;
    const other = takenBy.get(key);
    if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
      problems[`host_ports.${name}`] = "A port is a whole number from 1 to 65535.";
    } else if (other !== undefined) problems[`host_ports.${name}`] = `Port ${port} is given to ${other} already.`;
    else takenBy.set(key, name);
  }
  return problems;
}

/** What is wrong with one variable's value, or null. A pattern that the browser cannot read is left to the server. */
export function variableProblem(variable: EggVariable, value: string): string | null {
  const { name, required, pattern, defaultValue } = variable;
  if (value === "") return required && defaultValue === "" ? `${name} must be given.` : null;
  if (value.length > 8192) return `${name} is longer than 8192 characters.`;
  if (pattern === "") return null;
  let rule: RegExp;
  try {
    rule = new RegExp(`^(?:${pattern})$`, "u");
  } catch {
    return null;
  }
  return rule.test(value) ? null : `${name} must match ${pattern}`;
}

/** A server's field in the notation of the form: `environment["A"]` and `environment[A]` are `environment.A`. */
export function formField(serverField: string): string {
  return serverField.replace(/\[["']?([^\]"']+)["']?\]/g, ".$1");
}

/** True when the form has an input for that field, so that a refusal can be shown beside it. */
export function hasField(field: string, egg: Egg | undefined): boolean {
  if (["name", "egg_id", "preferred_cluster", "type", "allow_data_loss"].includes(field)) return true;
  if (["restart_priority", "crashes_before_move", "constraints", "architectures"].includes(field)) return true;
  if (["resources.cpu_millis", "resources.memory_bytes", "resources.disk_bytes"].includes(field)) return true;
  const [map, key] = field.split(/\.(.*)/s);
  if (map === "environment") return egg?.variables.some(({ name }) => name === key) ?? false;
  if (map === "host_ports") return egg?.ports.some(({ name }) => name === key) ?? false;
  return false;
}

/** The request of a form without problems. Variables left at the egg's default, and empty ones, are not sent. */
export function toCreateRequest(form: CreateForm, egg: Egg): MessageInitShape<typeof CreateContainerRequestSchema> {
  const environment: Record<string, string> = {};
  for (const { name, defaultValue } of egg.variables) {
    const value = form.environment[name] ?? "";
    if (value !== "" && value !== defaultValue) environment[name] = value;
  }
  const hostPorts: Record<string, number> = {};
  for (const [name, text] of Object.entries(form.hostPorts)) if (text.trim() !== "") hostPorts[name] = Number(text);
  return {
    name: form.name,
    eggId: egg.id,
    type: form.ha ? ContainerType.HA : ContainerType.STANDARD,
    preferredCluster: form.preferredCluster,
    resources: {
      cpuMillis: form.cpuCores.trim() === "" ? 0 : Math.round(Number(form.cpuCores) * 1000),
      memoryBytes: toBytes(form.memoryMib),
      diskBytes: toBytes(form.diskMib),
    },
    environment,
    hostPorts,
    createStopped: form.createStopped,
    allowDataLoss: form.ha && form.allowDataLoss && keepsLocalData(egg),
    restartPriority: PRIORITIES[form.priority],
    constraints: parts(form.constraints, "\n"),
    architectures: parts(form.architectures, ","),
    ...(form.ha && form.crashesBeforeMove.trim() !== "" && { crashesBeforeMove: Number(form.crashesBeforeMove) }),
  };
}

/** What stands between separators, without what is empty. */
function parts(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** A default as it is typed; none is left empty. */
function amountText(amount: number | bigint | undefined, unit: number): string {
  return amount === undefined || Number(amount) === 0 ? "" : String(Number(amount) / unit);
}

function toBytes(mibText: string): bigint {
  return mibText.trim() === "" ? 0n : BigInt(Math.round(Number(mibText) * mib));
}

/** Empty and 0 are fine: the egg's default holds. */
function amountProblem(text: string, unit: string, least: number, most: number): string | null {
  const value = Number(text);
  if (value === 0) return null;
  if (!Number.isFinite(value) || value < least) return `Give at least ${least} ${unit}, or leave it empty.`;
  return value > most ? `Give at most ${most} ${unit}.` : null;
}

function put(problems: Record<string, string>, field: string, problem: string | null): void {
  if (problem !== null) problems[field] = problem;
}
