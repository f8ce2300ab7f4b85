import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ContainerSchema,
  EventSchema,
  MigrationOutcome,
  MigrationSchema,
  NodeSchema,
  NodeStatus,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ChangeSchema, HealthSampleSchema, JobSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { describe, expect, test } from "vitest";
import {
  emptyFleet,
  endedMigrationsMax,
  eventsMax,
  type FleetInput,
  type FleetState,
  fleetFromSnapshot,
  jobsMax,
  reduceFleet,
  removedMax,
} from "./fleet-state.ts";

type Touched = Omit<MessageInitShape<typeof ChangeSchema>, "event" | "$typeName" | "$unknown">;
type About = { readonly type?: string; readonly containerId?: string };
const change = (sequence: bigint, { event, ...touched }: Touched & { event?: About } = {}): FleetInput => ({
  kind: "change",
  change: create(ChangeSchema, { ...touched, event: { ...event, sequence } }),
});
const container = (id: string, asOf: bigint, nodeName = "") =>
  create(ContainerSchema, { id, name: id, asOf, nodeName });
const node = (id: string, asOf: bigint, status = NodeStatus.HEALTHY) =>
  create(NodeSchema, { id, name: id, asOf, status });
const at = (asOf: bigint): FleetState => ({ ...emptyFleet, asOf });
const sequences = ({ events }: FleetState) => events.map(({ sequence }) => sequence);

describe("the fleet state", () => {
  test("takes events in their order and counts up", () => {
    const { state, gap } = reduceFleet(at(7n), [change(8n), change(9n)]);
    expect(gap).toBeNull();
    expect(state.asOf).toBe(9n);
    expect(sequences(state)).toEqual([8n, 9n]);
  });

  test("shows an event that came twice once", () => {
    const { state } = reduceFleet(at(7n), [change(8n), change(8n), change(9n), change(8n)]);
    expect(sequences(state)).toEqual([8n, 9n]);
    expect(state.asOf).toBe(9n);
  });

  test("shows an event once that the list had already and the watch repeats", () => {
    const listed = fleetFromSnapshot({
      asOf: 5n,
      nodes: [],
      containers: [],
      migrations: [],
      alerts: [],
      events: [5n, 6n, 7n].map((sequence) => create(EventSchema, { sequence })),
    });
    const { state } = reduceFleet(listed, [change(6n), change(7n), change(8n)]);
    expect(sequences(state)).toEqual([5n, 6n, 7n, 8n]);
  });

  test("takes the next event that is for us, where those between are not, and stops where one of ours is missing", () => {
    const listed = at(7n);
    const { state, gap } = reduceFleet(listed, [change(12n, { follows: 7n }), change(20n, { follows: 12n })]);
    expect(gap).toBeNull();
    expect(state.asOf).toBe(20n);
    expect(sequences(state)).toEqual([12n, 20n]);
    expect(reduceFleet(state, [change(31n, { follows: 25n })]).gap).toEqual({ after: 20n, got: 31n });
  });

  test("goes on from where the watch said that it was, and never back", () => {
    const { state, gap } = reduceFleet(at(7n), [
      { kind: "progress", asOf: 500n },
      { kind: "progress", asOf: 400n },
    ]);
    expect([gap, state.asOf, sequences(state)]).toEqual([null, 500n, []]);
    // What it tells then follows what it told before, which is further back.
    const later = reduceFleet(state, [change(501n, { follows: 7n })]);
    expect([later.gap, later.state.asOf]).toEqual([null, 501n]);
  });

  test("stops at a gap and keeps what lay before it", () => {
    const { state, gap } = reduceFleet(at(7n), [
      change(8n, { container: container("a", 8n) }),
      change(10n, { container: container("b", 10n) }),
      change(11n),
    ]);
    expect(gap).toEqual({ after: 8n, got: 10n });
    expect(state.asOf).toBe(8n);
    expect([...state.containers.keys()]).toEqual(["a"]);
    expect(sequences(state)).toEqual([8n]);
  });

  test("never replaces a resource by an older view of it", () => {
    const listed: FleetState = { ...at(7n), containers: new Map([["a", container("a", 12n, "node-2")]]) };
    const { state } = reduceFleet(listed, [change(8n, { container: container("a", 8n, "node-1") })]);
    expect(state.containers.get("a")?.nodeName).toBe("node-2");
    expect(state.asOf).toBe(8n);
    const later = reduceFleet(state, [{ kind: "container", container: container("a", 12n, "node-3") }]).state;
    expect(later.containers.get("a")?.nodeName).toBe("node-3");
  });

  test("removes a container that a change names and does not show, for good", () => {
    const listed: FleetState = { ...at(7n), containers: new Map([["a", container("a", 7n)]]) };
    const removed = reduceFleet(listed, [change(8n, { event: { type: "container.removed", containerId: "a" } })]).state;
    expect(removed.containers.has("a")).toBe(false);
    const late = reduceFleet(removed, [{ kind: "container", container: container("a", 7n) }]).state;
    expect(late.containers.has("a")).toBe(false);
  });

  test("does not remove a container whose known view is newer than the event", () => {
    const listed: FleetState = { ...at(7n), containers: new Map([["a", container("a", 9n)]]) };
    const { state } = reduceFleet(listed, [change(8n, { event: { containerId: "a" } })]);
    expect(state.containers.has("a")).toBe(true);
  });

  test("takes health of known nodes only, and none that is older than what is known", () => {
    const known: FleetState = {
      ...at(7n),
      nodes: new Map([["n", { ...node("n", 7n), lastHeartbeat: timestampFromMs(5_000) }]]),
    };
    const health = (ms: number, nodeId = "n"): FleetInput => ({
      kind: "health",
      sample: create(HealthSampleSchema, {
        nodes: [{ nodeId, status: NodeStatus.UNHEALTHY, lastHeartbeat: timestampFromMs(ms) }],
      }),
    });
    expect(reduceFleet(known, [health(4_000)]).state.nodes.get("n")?.status).toBe(NodeStatus.HEALTHY);
    expect(reduceFleet(known, [health(6_000)]).state.nodes.get("n")?.status).toBe(NodeStatus.UNHEALTHY);
    expect(reduceFleet(known, [health(6_000, "stranger")]).state.nodes.size).toBe(1);
    expect(reduceFleet(known, [health(6_000)]).state.asOf).toBe(7n);
  });

  test("does not change the state that it was given", () => {
    const before = at(7n);
    reduceFleet(before, [change(8n, { node: node("n", 8n), container: container("a", 8n) })]);
    expect(before).toEqual(at(7n));
  });

  test(`keeps the newest ${eventsMax} events`, () => {
    const inputs = Array.from({ length: eventsMax + 1 }, (_, index) => change(BigInt(index + 1)));
    const { state } = reduceFleet(emptyFleet, inputs);
    expect(state.events).toHaveLength(eventsMax);
    expect(state.events[0]?.sequence).toBe(2n);
  });

  test(`keeps the newest ${endedMigrationsMax} ended migrations and every one under way`, () => {
    const migration = (index: number, outcome: MigrationOutcome): FleetInput => ({
      kind: "migration",
      migration: create(MigrationSchema, { id: `${outcome}-${index}`, outcome, startedAt: timestampFromMs(index) }),
    });
    const inputs = [
      migration(0, MigrationOutcome.RUNNING),
      ...Array.from({ length: endedMigrationsMax + 2 }, (_, index) => migration(index, MigrationOutcome.COMPLETED)),
    ];
    const { migrations } = reduceFleet(emptyFleet, inputs).state;
    expect(migrations.size).toBe(endedMigrationsMax + 1);
    expect(migrations.has(`${MigrationOutcome.RUNNING}-0`)).toBe(true);
    expect(migrations.has(`${MigrationOutcome.COMPLETED}-1`)).toBe(false);
    expect(migrations.has(`${MigrationOutcome.COMPLETED}-2`)).toBe(true);
  });

  test(`keeps the ${jobsMax} jobs that were brought last, each as it was brought last`, () => {
    const inputs = Array.from({ length: jobsMax + 1 }, (_, index) =>
      change(BigInt(index + 1), {
        jobs: [create(JobSchema, { id: `job-${index}` }), create(JobSchema, { id: "long", error: `${index}` })],
      }),
    );
    const { jobs } = reduceFleet(emptyFleet, inputs).state;
    expect(jobs.size).toBe(jobsMax);
    expect(jobs.get("long")?.error).toBe(`${jobsMax}`);
    expect([jobs.has("job-0"), jobs.has("job-1"), jobs.has(`job-${jobsMax}`)]).toEqual([false, false, true]);
  });

  test(`remembers the last ${removedMax} removals`, () => {
    const inputs = Array.from({ length: removedMax + 1 }, (_, index) =>
      change(BigInt(index + 1), { event: { containerId: `c${index}` } }),
    );
    const { removed } = reduceFleet(emptyFleet, inputs).state;
    expect(removed.size).toBe(removedMax);
    expect(removed.has("c0")).toBe(false);
  });
});
