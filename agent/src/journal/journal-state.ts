import type { MembershipEpoch } from "@lormas/lease/membership.ts";

/** What a node has promised and done: the content of its journal. Pure; every change is one record. */
export type JournalState = {
  /** The highest leader's term obeyed. */
  readonly term: bigint;
  /** The session that is confirmed; 0 before the first. */
  readonly session: bigint;
  /** The highest session that a goodbye closed: nothing more of it is obeyed. */
  readonly closedSession: bigint;
  /** The newest epoch of its voting group; null before the first. What it confirms in heartbeats. */
  readonly membership: MembershipEpoch | null;
  /** Results by command id, oldest first. */
  readonly results: ReadonlyMap<string, StoredResult>;
  readonly containers: ReadonlyMap<string, ContainerRecord>;
};

export type StoredResult = {
  /** A CommandResult as protobuf JSON. */
  readonly result: unknown;
  /** True once the coordinator has stored it: it is not sent again, but still answers a late duplicate. */
  readonly acked: boolean;
};

export type ContainerRecord = {
  /** The highest epoch that was started here. */
  readonly epoch: bigint;
  /** Nothing up to this epoch may ever run here again. */
  readonly closedEpoch: bigint;
  /** What was started and not removed since. */
  readonly started: StartedRecord | null;
};

export type StartedRecord = {
  readonly epoch: bigint;
  readonly session: bigint;
  /** A WorkloadSpec as protobuf JSON. */
  readonly spec: unknown;
};

/** One line of the journal. 64-bit numbers are decimal text. */
export type JournalRecord =
  | { readonly kind: "term"; readonly term: string }
  | { readonly kind: "session"; readonly session: string }
  | { readonly kind: "session_closed"; readonly session: string }
  | { readonly kind: "membership"; readonly membership: MembershipEpoch }
  | { readonly kind: "result"; readonly commandId: string; readonly result: unknown }
  | { readonly kind: "result_acked"; readonly commandId: string }
  | {
      readonly kind: "started";
      readonly containerId: string;
      readonly epoch: string;
      readonly session: string;
      readonly spec: unknown;
    }
  | { readonly kind: "closed"; readonly containerId: string; readonly epoch: string }
  | { readonly kind: "removed"; readonly containerId: string };

/** Acknowledged results that are kept against late duplicates; the oldest go first. */
export const ACKED_RESULTS_MAX = 1_000;
/** Unacknowledged results; at this many the executor refuses new commands. */
export const UNACKED_RESULTS_MAX = 10_000;
/** Containers remembered; of those above it, the ones that have been gone for longest are forgotten. */
export const CONTAINERS_MAX = 20_000;

export const EMPTY_JOURNAL: JournalState = {
  term: 0n,
  session: 0n,
  closedSession: 0n,
  membership: null,
  results: new Map(),
  containers: new Map(),
};

const NO_CONTAINER: ContainerRecord = { epoch: 0n, closedEpoch: 0n, started: null };
const highest = (a: bigint, b: bigint) => (a > b ? a : b);

/** The copy that should run on here: started in the present session, and neither closed nor removed since. Null: none should. */
export function standingStart(state: JournalState, containerId: string): StartedRecord | null {
  const { closedEpoch, started } = containerRecord(state, containerId);
  if (!started?.spec || started.epoch <= closedEpoch) return null;
  return started.session === state.session && started.session > state.closedSession ? started : null;
}

/** What the journal says of a container; zeroes when it never heard of it. */
export function containerRecord(state: JournalState, containerId: string): ContainerRecord {
  return state.containers.get(containerId) ?? NO_CONTAINER;
}

/** Results that still have to reach the coordinator, oldest first. */
export function unackedResults(state: JournalState): unknown[] {
  return [...state.results.values()].filter((stored) => !stored.acked).map((stored) => stored.result);
}

/** The state after one more record. Terms, sessions and epochs only rise, in whatever order records come. */
export function applyRecord(state: JournalState, record: JournalRecord): JournalState {
  switch (record.kind) {
    case "term":
      return { ...state, term: highest(state.term, BigInt(record.term)) };
    case "session":
      return { ...state, session: highest(state.session, BigInt(record.session)) };
    case "session_closed":
      return { ...state, closedSession: highest(state.closedSession, BigInt(record.session)) };
    case "membership":
      return record.membership.epoch > (state.membership?.epoch ?? 0)
        ? { ...state, membership: record.membership }
        : state;
    case "result":
      return {
        ...state,
        results: withResult(state.results, record.commandId, { result: record.result, acked: false }),
      };
    case "result_acked": {
      const stored = state.results.get(record.commandId);
      return stored
        ? { ...state, results: withResult(state.results, record.commandId, { ...stored, acked: true }) }
        : state;
    }
    case "started": {
      const epoch = BigInt(record.epoch);
      return withContainer(state, record.containerId, (before) => ({
        epoch: highest(before.epoch, epoch),
        closedEpoch: before.closedEpoch,
        started: { epoch, session: BigInt(record.session), spec: record.spec },
      }));
    }
    case "closed":
      return withContainer(state, record.containerId, (before) => ({
        ...before,
        closedEpoch: highest(before.closedEpoch, BigInt(record.epoch)),
      }));
    case "removed":
      return withContainer(state, record.containerId, (before) => ({ ...before, started: null }));
    default:
      return unknownRecord(record);
  }
}

/** The fewest records that make this state out of the empty one. */
export function compactRecords(state: JournalState): JournalRecord[] {
  const records: JournalRecord[] = [
    { kind: "term", term: String(state.term) },
    { kind: "session", session: String(state.session) },
    { kind: "session_closed", session: String(state.closedSession) },
    ...(state.membership ? [{ kind: "membership" as const, membership: state.membership }] : []),
  ];
  for (const [containerId, container] of state.containers) {
    const { epoch, closedEpoch, started } = container;
    if (started) {
      records.push({ kind: "started", containerId, epoch: String(epoch), session: "0", spec: null });
      records.push({
        kind: "started",
        containerId,
        epoch: String(started.epoch),
        session: String(started.session),
        spec: started.spec,
      });
    } else {
      records.push({ kind: "started", containerId, epoch: String(epoch), session: "0", spec: null });
      records.push({ kind: "removed", containerId });
    }
    records.push({ kind: "closed", containerId, epoch: String(closedEpoch) });
  }
  for (const [commandId, stored] of state.results) {
    records.push({ kind: "result", commandId, result: stored.result });
    if (stored.acked) records.push({ kind: "result_acked", commandId });
  }
  return records;
}

function withResult(results: ReadonlyMap<string, StoredResult>, commandId: string, stored: StoredResult) {
  const next = new Map(results);
  next.delete(commandId);
  next.set(commandId, stored);
  let surplus = -ACKED_RESULTS_MAX;
  for (const { acked } of next.values()) if (acked) surplus += 1;
  for (const [id, { acked }] of next) {
    if (surplus <= 0) break;
    if (!acked) continue;
    next.delete(id);
    surplus -= 1;
  }
  return next;
}

function withContainer(
  state: JournalState,
  containerId: string,
  change: (before: ContainerRecord) => ContainerRecord,
): JournalState {
  const containers = new Map(state.containers);
  const after = change(containerRecord(state, containerId));
  containers.delete(containerId);
  containers.set(containerId, after);
  if (containers.size > CONTAINERS_MAX) {
    for (const [id, { started }] of containers) {
      if (started) continue;
      containers.delete(id);
      break;
    }
  }
  return { ...state, containers };
}

function unknownRecord(record: never): never {
  throw new Error(
    `unknown journal record ${JSON.stringify(record)}: it was written by a newer agent; run that version`,
  );
}
