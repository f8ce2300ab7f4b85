import type { Resources } from "../domain/resources.ts";
import type { HealthCheckSpec, VolumeSpec } from "../domain/workload.ts";

/** A template for containers, as stored. */
export type EggDefinition = {
  /** The slug; its identity. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly categoryId: string;
  readonly version: string;
  /** Image of the docker runtime; empty where there is none. */
  readonly image: string;
  /** Command line by runtime kind; the keys are the runtimes it can run on. */
  readonly startup: Readonly<Record<string, string>>;
  readonly variables: readonly EggVariable[];
  readonly ports: readonly EggPort[];
  readonly volumes: readonly VolumeSpec[];
  readonly stop: { readonly signal: string; readonly graceMs: number };
  readonly health: HealthCheckSpec | null;
  /** Milliseconds within which it answers its health check after a start; part of the failover bound. */
  readonly startBudgetMs: number;
  readonly defaultResources: Resources;
};

export type EggVariable = {
  readonly name: string;
  readonly description: string;
  readonly defaultValue: string;
  readonly required: boolean;
  /** A regular expression that the whole value must match; empty allows everything. */
  readonly pattern: string;
};

export type EggPort = { readonly name: string; readonly containerPort: number; readonly protocol: "tcp" | "udp" };
