import { BEATS_FOLDER, WITNESS_IMAGE, WITNESS_SCRIPT } from "../witness/witness-egg.ts";

/** A service whose copies are watched by the witness. */
export type SwarmService = {
  readonly name: string;
  /** More than one: the witness knows them as NAME-1, NAME-2, … */
  readonly copies: number;
  /** Such as "0s"; null: Swarm's own default, 5 s. */
  readonly restartDelay: string | null;
  /** Seconds between two beats. */
  readonly beatS: string;
  /** Thousandths of a core that each copy is limited to; 0: all there is. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
};

/**
 * The words after `docker` that create the service, with the same image, script and limits as the witness's egg. It publishes
 * nothing and has no virtual address: Swarm's mesh needs IPVS, which not every kernel has.
 */
export function creationWords(service: SwarmService, sharedDir: string): string[] {
  const { name, copies, restartDelay, beatS, cpuMillis, memoryBytes } = service;
  const container = copies === 1 ? "{{.Service.Name}}" : "{{.Service.Name}}-{{.Task.Slot}}";
  const environment = {
    LORMAS_CONTAINER: container,
    // Swarm counts no epochs: copies are told apart by their engine's ids.
    LORMAS_EPOCH: "0",
    LORMAS_NODE: "{{.Node.Hostname}}",
    BEAT_S: beatS,
  };
  return [
    ...["service", "create", "--detach", "--no-resolve-image", "--name", name, "--replicas", String(copies)],
    ...["--endpoint-mode", "dnsrr", "--mount", `type=bind,source=${sharedDir},target=${BEATS_FOLDER}`],
    ...["--limit-memory", String(memoryBytes), ...(cpuMillis === 0 ? [] : ["--limit-cpu", String(cpuMillis / 1_000)])],
    ...["--stop-signal", "SIGTERM", "--stop-grace-period", "2s"],
    ...(restartDelay === null ? [] : ["--restart-delay", restartDelay]),
    ...Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
    ...[WITNESS_IMAGE, "/bin/sh", "-c", WITNESS_SCRIPT],
  ];
}
