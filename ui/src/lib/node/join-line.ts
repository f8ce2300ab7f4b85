/** What an agent is started with on a new host. */
export type JoinChoice = {
  readonly token: string;
  /** host:port that the agent dials. */
  readonly coordinator: string;
  readonly name: string;
  /** Where containers of the host are reached. */
  readonly address: string;
  readonly runtime: string;
};

/** The runtimes that a host may be joined with. */
export const JOIN_RUNTIMES = [
  ["docker", "Docker"],
  ["exec", "plain processes (to try with)"],
] as const;

/** The folder of an agent's key, certificate and journal. */
export const AGENT_DATA_DIR = "/var/lib/lormas-agent";

/** The line that joins a host, for a POSIX shell in a clone of the repository, after `npm ci`. */
export function joinLine({ token, coordinator, name, address, runtime }: JoinChoice): string {
  const words = [
    "node_modules/.bin/node agent/src/main.ts",
    `--coordinator ${shellWord(coordinator)}`,
    `--name ${shellWord(name)}`,
    `--address ${shellWord(address)}`,
    `--data-dir ${AGENT_DATA_DIR}`,
    `--runtime ${shellWord(runtime)}`,
  ];
  return `LORMAS_JOIN_TOKEN=${shellWord(token)} \\\n  ${words.join(" \\\n  ")}`;
}

/** True for an address that only the coordinator's own machine reaches, or that is none to dial. */
export function isOnlyLocal(hostPort: string): boolean {
  const host = hostPort.replace(/:\d*$/, "").replace(/^\[|\]$/g, "");
  return ["localhost", "0.0.0.0", "::", "::1", ""].includes(host) || /^127\./.test(host);
}

/** A word that no shell takes apart or runs. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9@%+=:,./_-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
