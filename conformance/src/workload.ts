import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { StopPolicySchema, type WorkloadSpec, WorkloadSpecSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { environmentOf, lives } from "./agent-under-test.ts";

/** Runs until it is told to end, and ends at SIGTERM. */
export const RUNS_ON = "while :; do sleep 0.1; done";

/**
 * A container that leaves a line for each start of it, by which it is seen from outside how often it was started, under which
 * epoch, and whether it lives.
 */
export class Workload {
  readonly spec: WorkloadSpec;
  readonly #proof: string;

  constructor(
    containerId: string,
    folder: string,
    mark: string,
    options: { body?: string; ha?: boolean; spec?: MessageInitShape<typeof WorkloadSpecSchema> } = {},
  ) {
    this.#proof = join(folder, `${containerId}.starts`);
    this.spec = create(WorkloadSpecSchema, {
      containerId,
      containerName: `c-${containerId.slice(-8)}`,
      ha: options.ha ?? false,
      startup: { exec: `echo "$$ $LORMAS_EPOCH" >> "$PROOF"; ${options.body ?? RUNS_ON}` },
      stop: create(StopPolicySchema, { signal: "SIGTERM", graceMs: 2_000 }),
      ...options.spec,
      env: { PROOF: this.#proof, LORMAS_HOST_MARK: mark, ...options.spec?.env },
    });
  }

  get id(): string {
    return this.spec.containerId;
  }

  /** Each start, as the process itself wrote it down. */
  starts(): { readonly pid: number; readonly epoch: string }[] {
    return this.#read().flatMap((line) => {
      const [pid, epoch] = line.split(" ");
      return pid && epoch !== undefined ? [{ pid: Number(pid), epoch }] : [];
    });
  }

  /** The living copies of it. */
  alive(): number[] {
    return this.starts()
      .map(({ pid }) => pid)
      .filter((pid) => lives(pid) && environmentOf(pid).includes(`PROOF=${this.#proof}\0`));
  }

  /** A variable of the environment that a copy runs with; null when it has none of that name. */
  variable(pid: number, name: string): string | null {
    const found = environmentOf(pid)
      .split("\0")
      .find((entry) => entry.startsWith(`${name}=`));
    return found?.slice(name.length + 1) ?? null;
  }

  #read(): string[] {
    try {
      return readFileSync(this.#proof, "utf8").split("\n").filter(Boolean);
    } catch {
      return [];
    }
  }
}
