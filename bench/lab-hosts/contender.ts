import type { LabMachine } from "@lormas/lab/hosts/lab-machine.ts";
import type { DockerdService } from "@lormas/lab/services/dockerd-service.ts";
import { until } from "@lormas/lab/until.ts";
import type { Copy } from "@lormas/lab/witness/copy-runs.ts";
import type { Witness } from "@lormas/lab/witness/witness.ts";

/** A host that runs containers, whoever decides which. */
export type Workhorse = LabMachine & { readonly dockerd: DockerdService };

/** One of the products that are measured on lab hosts, as a section drives it. Containers are the witness's, and highly available. */
export type Contender = {
  readonly name: string;
  readonly witness: Witness;
  /** Hosts that run containers. */
  readonly hosts: readonly Workhorse[];
  /** Creates one container, and waits until it runs. */
  readonly create: (container: string) => Promise<void>;
  readonly remove: (container: string) => Promise<void>;
  /** Undoes every fault, and waits until hosts are in order again and the container, where there is one, runs once. */
  readonly heal: (container: string | null) => Promise<void>;
  /** The same, and waits until the next fault finds a fleet as the first one did. */
  readonly ready: (container: string | null) => Promise<void>;
  /** Asks for the container to run elsewhere while its host is in order. */
  readonly move: (container: string, from: Workhorse) => Promise<void>;
  /** Creates many containers, all on one host, and waits until the witness has heard of each. Afterwards all hosts are free to take them. */
  readonly gather: (crowd: Crowd, home: Workhorse) => Promise<void>;
  /** Removes every container, and waits until no host that is on holds one. */
  readonly clear: () => Promise<void>;
};

/** Containers of one kind: NAME-1, NAME-2, …; one alone is NAME. */
export type Crowd = {
  readonly name: string;
  readonly size: number;
  /** What each of them may take, and reserves: thousandths of a core. */
  readonly cpuMillis: number;
};

/**
 * What one container alone may take, in thousandths of a core: a whole one, or the limit would slow down its start, which is part
 * of what is measured.
 */
export const ALONE_CPU_MILLIS = 1_000;

/**
 * Seconds between two beats of one among many: the witness is to hear them begin. With beats as of one alone, a process each, two
 * hundred would keep a machine busy with nothing else.
 */
export const CROWD_BEAT_S = "30";

/** Beyond what any product takes here; a copy that has not come by then does not come. */
const COPY_MS = 120_000;
const POLL_MS = 50;

export function hostOf({ hosts, name }: Contender, copy: Copy): Workhorse {
  const found = hosts.find((host) => host.name === copy.host);
  if (!found) throw new Error(`${name} has no host ${copy.host}, on which the witness saw a copy`);
  return found;
}

/** The copy of a container that beats now. */
export function presentCopy({ witness, name }: Contender, container: string): Copy {
  const copy = witness.last(container);
  if (!copy || !witness.beats(container, copy.host)) throw new Error(`${name}: no copy of ${container} beats`);
  return copy;
}

/** The first copy of a container that began after this moment, boot time in ms. Waits for it, at most two minutes. */
export async function nextCopy({ witness, name }: Contender, before: Copy, afterMs: number): Promise<Copy> {
  const { container } = before;
  const probe = () => witness.copies(container).find((copy) => copy.id !== before.id && beginOf(copy) > afterMs);
  return await until(`${name} runs another copy of ${container}`, COPY_MS, probe, POLL_MS);
}

/** Milliseconds from the last beat of one copy to the first of the next; 0 where they overlap. */
export function silenceMs({ witness }: Contender, before: Copy, after: Copy): number {
  const all = witness.copies(before.container).find(({ id }) => id === before.id);
  return Math.max(0, beginOf(after) - (all?.runs.at(-1)?.untilMs ?? 0));
}

/** Whether exactly one copy of the container beats. */
export function runsOnce({ witness, hosts }: Pick<Contender, "witness" | "hosts">, container: string): boolean {
  return hosts.filter((host) => witness.beats(container, host.name)).length === 1;
}

/** The first copy of each container of a crowd that began after this moment, on whatever host but this one. */
export function begunCopies(
  { witness }: Pick<Contender, "witness">,
  crowd: Crowd,
  afterMs: number,
  not: string,
): Copy[] {
  const first = new Map<string, Copy>();
  for (const copy of witness.copies()) {
    const known = first.has(copy.container);
    if (!known && belongsTo(copy, crowd) && copy.host !== not && beginOf(copy) > afterMs)
      first.set(copy.container, copy);
  }
  return [...first.values()];
}

/** For how many of a crowd the witness has heard a copy on a host. */
export function heardOn({ witness }: Pick<Contender, "witness">, crowd: Crowd, host: Workhorse): number {
  const there = witness.copies().filter((copy) => copy.host === host.name && belongsTo(copy, crowd));
  return new Set(there.map(({ container }) => container)).size;
}

function belongsTo({ container }: Copy, { name, size }: Crowd): boolean {
  return size === 1 ? container === name : container.startsWith(`${name}-`);
}

export function namesOf({ name, size }: Crowd): string[] {
  return size === 1 ? [name] : Array.from({ length: size }, (_, index) => `${name}-${index + 1}`);
}

export function beginOf(copy: Copy): number {
  return copy.runs[0]?.fromMs ?? 0;
}
