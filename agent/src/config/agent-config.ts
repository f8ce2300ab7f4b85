import { accessSync, constants } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type HostPort, hostPortText, isEveryAddress, readHostPort } from "../peers/peer-address.ts";

export type RuntimeChoice = "auto" | "docker" | "exec";
/** Where peers ask this agent for its vote, unless another is chosen. */
export const PEER_PORT = 7_446;
export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace";

/** How one agent is set up. Flags win over the environment. */
export type AgentConfig = {
  readonly dataDir: string;
  /** host:port of each coordinator's agent plane, in the order in which they are tried; at least one. */
  readonly coordinators: readonly string[];
  readonly name: string;
  /** Where this node's containers are reached. */
  readonly address: string;
  /** Where peers ask this agent for its vote, and what they are told to dial; null: nowhere. */
  readonly peers: { readonly listen: HostPort; readonly advertise: string | null } | null;
  readonly runtime: RuntimeChoice;
  readonly production: boolean;
  readonly allowExec: boolean;
  readonly portPool: { readonly min: number; readonly max: number };
  readonly dockerSocket: string;
  readonly logLevel: LogLevel;
  readonly joinToken: string | null;
  readonly joinTokenFile: string | null;
  /** Folder on a tmpfs for the guard's record and socket; null: /run/lormas where that can be written, else the data folder. */
  readonly runDir: string | null;
  /** Folder that is the same on every node, for shared volumes; null: this node has none. */
  readonly sharedDir: string | null;
  /** The cgroup below which this node's group is made. */
  readonly cgroupParent: string;
  /** Whether the guard starts a dead agent again; auto: where no supervisor is known. */
  readonly guardRestartsAgent: "auto" | "yes" | "no";
  /** A watchdog device that the guard pets while it can enforce; null: none. */
  readonly watchdog: string | null;
};

export type ConfigOutcome = { config: AgentConfig } | { problems: string[] } | { help: string };

const OPTIONS = {
  "data-dir": { env: "LORMAS_DATA_DIR", says: "folder for key, certificate, journal and containers" },
  coordinator: { env: "LORMAS_COORDINATOR", says: "host:port of the coordinator's agent plane; several with commas" },
  name: { env: "LORMAS_NODE_NAME", says: "the node's name (default: the host's name)" },
  address: { env: "LORMAS_NODE_ADDRESS", says: "IP or host name at which containers are reached" },
  "peer-listen": {
    env: "LORMAS_PEER_LISTEN",
    says: `host:port at which other agents ask this one, or off (default: the address with port ${PEER_PORT})`,
  },
  "peer-address": {
    env: "LORMAS_PEER_ADDRESS",
    says: "host:port that other agents dial, where it is not the one listened at",
  },
  runtime: { env: "LORMAS_RUNTIME", says: "auto, docker or exec (default auto)" },
  production: { env: "LORMAS_PRODUCTION", says: "refuse what does not belong into production", flag: true },
  "allow-exec": { env: "LORMAS_ALLOW_EXEC", says: "allow the exec runtime in production", flag: true },
  "port-pool": { env: "LORMAS_PORT_POOL", says: "A-B, host ports that containers may get (default 20000-29999)" },
  "docker-socket": { env: "LORMAS_DOCKER_SOCKET", says: "path of the engine's socket (default /var/run/docker.sock)" },
  "log-level": { env: "LORMAS_LOG_LEVEL", says: "fatal, error, warn, info, debug or trace (default info)" },
  "join-token-file": {
    env: "LORMAS_JOIN_TOKEN_FILE",
    says: "file that holds the join token (or env LORMAS_JOIN_TOKEN)",
  },
  "run-dir": { env: "LORMAS_RUN_DIR", says: "folder on a tmpfs for the guard (default /run/lormas)" },
  "shared-dir": { env: "LORMAS_SHARED_DIR", says: "folder that is the same on every node, for shared volumes" },
  "guard-restarts-agent": {
    env: "LORMAS_GUARD_RESTARTS_AGENT",
    says: "auto, yes or no: a dead agent is started again by its guard (auto: unless systemd or lormas up does)",
  },
  watchdog: { env: "LORMAS_WATCHDOG", says: "device that resets this host when the guard cannot fence, /dev/watchdog" },
  "cgroup-parent": { env: "LORMAS_CGROUP_PARENT", says: "cgroup below which the node's own is made (default /lormas)" },
} as const;

/** Coordinators that an agent may be told of. */
const COORDINATORS_MAX = 9;

/** Not opened: that would arm it. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Text of --help. */
export function usage(): string {
  const lines = Object.entries(OPTIONS).map(([name, option]) => {
    const left = `  --${name}${"flag" in option ? "" : " VALUE"}`;
    return `${left.padEnd(26)}${option.says} [${option.env}]`;
  });
  return ["Usage: lormas-agent --data-dir DIR --coordinator HOST:PORT --address ADDRESS [options]", "", ...lines].join(
    "\n",
  );
}

/**
 * Reads flags and environment. Answers every problem at once, each naming the setting, what is wrong with it and what would be
 * right; nothing is touched on disk.
 */
export function agentConfig(argv: readonly string[], env: NodeJS.ProcessEnv, hostName: string): ConfigOutcome {
  let values: Record<string, string | boolean | undefined>;
  try {
    const flags = Object.entries(OPTIONS).map(([name, option]) => [
      name,
      { type: "flag" in option ? ("boolean" as const) : ("string" as const) },
    ]);
    const options = { ...Object.fromEntries(flags), help: { type: "boolean" as const } };
    values = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values as typeof values;
  } catch (error) {
    return { problems: [`${error instanceof Error ? error.message : String(error)} (see --help)`] };
  }
  if (values["help"]) return { help: usage() };

  const problems: string[] = [];
  const text = (name: keyof typeof OPTIONS, otherwise: string): string => {
    const value = values[name] ?? env[OPTIONS[name].env];
    return typeof value === "string" && value.trim() !== "" ? value.trim() : otherwise;
  };
  const flag = (name: "production" | "allow-exec"): boolean => {
    if (values[name] === true) return true;
    const value = (env[OPTIONS[name].env] ?? "").toLowerCase();
    if (["", "0", "false", "no"].includes(value)) return false;
    if (["1", "true", "yes"].includes(value)) return true;
    problems.push(`${OPTIONS[name].env} is "${value}": set it to true or false`);
    return false;
  };
  const oneOf = <T extends string>(name: keyof typeof OPTIONS, allowed: readonly T[], otherwise: T): T => {
    const value = text(name, otherwise);
    const found = allowed.find((candidate) => candidate === value);
    if (!found) problems.push(`--${name} is "${value}": choose one of ${allowed.join(", ")}`);
    return found ?? otherwise;
  };

  const dataDir = text("data-dir", "");
  if (dataDir === "") problems.push("--data-dir is missing: name a folder that only this agent uses");
  const coordinators = text("coordinator", "")
    .split(",")
    .map((hostPort) => hostPort.trim());
  const wrong = coordinators.find((hostPort) => !isHostPort(hostPort));
  if (wrong !== undefined || coordinators.length > COORDINATORS_MAX) {
    problems.push(
      `--coordinator is "${coordinators.join(",")}": give host:port, such as coordinator.example:7443, ` +
        `or up to ${COORDINATORS_MAX} of them with commas between`,
    );
  }
  const name = text("name", hostName.toLowerCase());
  if (!/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/.test(name)) {
    problems.push(`--name is "${name}": use 2 to 63 lower-case letters, digits and hyphens, no hyphen at either end`);
  }
  const address = text("address", "");
  if (address === "" || address.length > 253 || !/^[A-Za-z0-9.:_-]+$/.test(address)) {
    problems.push(
      `--address is "${address}": give the IP address or host name at which this node's containers are reached`,
    );
  }
  const peerListen = text("peer-listen", hostPortText({ host: address, port: PEER_PORT }));
  const listen = readHostPort(peerListen);
  if (address !== "" && peerListen !== "off" && !listen) {
    problems.push(`--peer-listen is "${peerListen}": give host:port, such as 10.0.0.7:${PEER_PORT}, or off`);
  }
  const peerAddress = text("peer-address", "");
  const dialled = readHostPort(peerAddress);
  if (peerAddress !== "" && (!dialled || dialled.port === 0 || isEveryAddress(dialled.host))) {
    problems.push(`--peer-address is "${peerAddress}": give the host:port that other agents dial to reach this one`);
  }
  if (peerAddress !== "" && peerListen === "off") {
    problems.push("--peer-address is given, but --peer-listen is off: leave out one of them");
  }
  const pool = text("port-pool", "20000-29999");
  const [low, high] = (/^(\d{1,5})-(\d{1,5})$/.exec(pool) ?? []).slice(1).map(Number);
  if (low === undefined || high === undefined || low < 1 || high > 65_535 || low > high) {
    problems.push(`--port-pool is "${pool}": give two ports as A-B, 1 to 65535, the lower first`);
  }
  const cgroupParent = text("cgroup-parent", "/lormas");
  if (!/^(\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/.test(cgroupParent)) {
    problems.push(`--cgroup-parent is "${cgroupParent}": give an absolute path of plain names, such as /lormas`);
  }
  const watchdog = text("watchdog", "");
  if (watchdog !== "" && !isWritable(watchdog)) {
    problems.push(
      `--watchdog is "${watchdog}": give a device that this agent may write, such as /dev/watchdog, or leave it out`,
    );
  }
  const runtime = oneOf("runtime", ["auto", "docker", "exec"], "auto");
  const guardRestartsAgent = oneOf("guard-restarts-agent", ["auto", "yes", "no"], "auto");
  const production = flag("production");
  const allowExec = flag("allow-exec");
  if (runtime === "exec" && production && !allowExec) {
    problems.push(
      "--runtime exec runs workloads as plain processes of this host and is refused with --production: " +
        "use --runtime docker, or add --allow-exec if you accept that",
    );
  }
  const logLevel = oneOf("log-level", ["fatal", "error", "warn", "info", "debug", "trace"], "info");
  const token = env["LORMAS_JOIN_TOKEN"]?.trim();
  const tokenFile = text("join-token-file", "");
  const runDir = text("run-dir", "");
  const sharedDir = text("shared-dir", "");
  if (problems.length > 0 || low === undefined || high === undefined) return { problems };
  return {
    config: {
      dataDir: resolve(dataDir),
      coordinators,
      name,
      address,
      peers: listen && { listen, advertise: peerAddress === "" ? null : peerAddress },
      runtime,
      production,
      allowExec,
      portPool: { min: low, max: high },
      dockerSocket: text("docker-socket", "/var/run/docker.sock"),
      logLevel,
      joinToken: token ? token : null,
      joinTokenFile: tokenFile === "" ? null : resolve(tokenFile),
      runDir: runDir === "" ? null : resolve(runDir),
      sharedDir: sharedDir === "" ? null : resolve(sharedDir),
      cgroupParent,
      guardRestartsAgent,
      watchdog: watchdog === "" ? null : resolve(watchdog),
    },
  };
}

function isHostPort(text: string): boolean {
  const port = Number(/^[^\s:/]\S*:(\d{1,5})$/.exec(text)?.[1] ?? "0");
  return port >= 1 && port <= 65_535 && text.length <= 260;
}
