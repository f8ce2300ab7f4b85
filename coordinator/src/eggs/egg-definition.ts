import type { Resources } from "../domain/resources.ts";
import type { HealthCheckSpec, StopSpec, VolumeSpec } from "../domain/workload.ts";
import type { PanelFacts } from "./panel-facts.ts";

/** A template for containers, as stored. Definitions that were stored by earlier versions lack what may be absent. */
export type EggDefinition = {
  /** The slug; its identity. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly categoryId: string;
  readonly version: string;
  /** Image of the docker runtime; empty where there is none. */
  readonly image: string;
  /** Images to choose from, each with its own name; `image` is the first. Absent: there is no choice. */
  readonly images?: readonly NamedImage[];
  /** Command line by runtime kind; the keys are the runtimes it can run on. */
  readonly startup: Readonly<Record<string, string>>;
  readonly variables: readonly EggVariable[];
  readonly ports: readonly EggPort[];
  readonly volumes: readonly VolumeSpec[];
  /** An egg of a panel says its command in `panel.stop`; see stopOf. */
  readonly stop: StopSpec;
  readonly health: HealthCheckSpec | null;
  /** Its containers have a terminal unless they are asked for without; absent: none. */
  readonly tty?: boolean;
  /** Milliseconds within which it answers its health check after a start; part of the failover bound. */
  readonly startBudgetMs: number;
  readonly defaultResources: Resources;
  /** What its containers ask of a node's labels, as people write it; see domain/placement/label-constraint.ts. Absent: nothing. */
  readonly constraints?: readonly string[];
  /** CPU architectures that its images run on; absent or empty: any. */
  readonly architectures?: readonly string[];
  /** What a panel's egg says beyond all this; absent for an egg of Lormas' own. */
  readonly panel?: PanelFacts;
};

export type EggVariable = {
  /** Of the environment variable. */
  readonly name: string;
  readonly description: string;
  readonly defaultValue: string;
  readonly required: boolean;
  /** A regular expression that the whole value must match; empty allows everything. */
  readonly pattern: string;
  /** For people; absent: the name. */
  readonly displayName?: string;
  /** Rules as Laravel writes them ("required", "max:20"), all of which the value must satisfy; see rules/rule-check.ts. */
  readonly rules?: readonly string[];
  /** Whether a panel shows it to, and lets it be changed by, whom a server belongs to; absent: true. */
  readonly userViewable?: boolean;
  readonly userEditable?: boolean;
  /** Place among the variables where a panel shows them; absent or null: that of the list. */
  readonly sort?: number | null;
};

export type EggPort = { readonly name: string; readonly containerPort: number; readonly protocol: "tcp" | "udp" };

/** An image under a name for people, such as "Java 21". */
export type NamedImage = { readonly name: string; readonly image: string };
