import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  DesiredState,
  type Migration,
  MigrationOutcome,
  MigrationTrigger,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { positiveControl } from "../../scenarios/positive-control/scenario.ts";
import type { Lab } from "../lab.ts";
import { Story } from "../scenario/story.ts";
import { unsettled } from "../scenario/unsettled.ts";
import { CONTROL_HOST } from "../state/lab-record.ts";
import { until } from "../until.ts";
import { Witness } from "../witness/witness.ts";
import { ChaosClient } from "./chaos-client.ts";
import type { ChaosFigures } from "./chaos-figures.ts";
import { EventReader } from "./event-reader.ts";
import { failoverTimes } from "./failover-times.ts";
import { FaultBringer } from "./fault-bringer.ts";
import type { Injury } from "./injury.ts";
import { RoomWatch } from "./room-watch.ts";

const CLIENTS = ["ann", "ben", "eve"];
/** How long the fleet may take to be as it should be when everything is mended. */
const REST_MS = 180_000;
/** A node that is declared dead was injured within this: W, and what a leader needs after its own faults. */
const REASON_MS = 60_000;
const PAGE_SIZE = 500;

export type ChaosOptions = {
  readonly lab: Lab;
  readonly minutes: number;
  readonly seed: number;
  readonly told: (line: string) => void;
};

/**
 * Brings faults over a lab while people create, move, stop and delete containers, then mends everything, waits until the fleet is
 * at rest, and counts. First of all the witness is put to the test: with nobody who enforces it must see two copies.
 */
export async function chaosCampaign({ lab, minutes, seed, told }: ChaosOptions): Promise<ChaosFigures> {
  const control = await controlExperiment(lab, told);
  const begunMs = Witness.nowMs();
  const wallOffsetMs = Date.now() - begunMs;
  const end = new AbortController();
  const bringer = new FaultBringer(lab, seed, (line) =>
    told(`${((Witness.nowMs() - begunMs) / 1_000).toFixed(0)} s  ${line}`),
  );
  const clients = CLIENTS.map((name) => new ChaosClient(lab, seed, name));
  const reader = new EventReader(lab);
  const room = new RoomWatch(lab);
  const reading = new AbortController();
  const watching = Promise.all([reader.run(reading.signal), room.run(reading.signal)]);
  const timer = setTimeout(() => end.abort(), minutes * 60_000);
  try {
    await Promise.all([bringer.run(end.signal), ...clients.map((client) => client.run(end.signal))]);
    told("everything is mended; the fleet comes to rest");
    await lab.heal();
  } catch (error) {
    // Whoever looks on would do so for ever.
    reading.abort();
    throw error;
  } finally {
    clearTimeout(timer);
    end.abort();
  }
  const untilMs = Witness.nowMs();
  const wrong = await atRest(lab);
  reading.abort();
  await watching;
  const asked = clients.flatMap(({ containers }) => containers);
  const migrations = await allMigrations(lab);
  const { nodes } = await lab.api().nodes.listNodes({});
  const nameOf = new Map(nodes.map(({ id, name }) => [id, name]));
  const overlaps = asked.flatMap(({ name }) => lab.witness.overlaps(name));
  for (const { ms, copies } of overlaps) told(`OVERLAP ${ms} ms: ${JSON.stringify(copies)}`);
  const moves = migrations
    .filter(({ trigger, outcome }) => trigger === MigrationTrigger.AUTO && outcome === MigrationOutcome.COMPLETED)
    .map((one) => ({
      container: one.containerName,
      from: one.sourceNodeName,
      begunMs: (one.startedAt ? timestampMs(one.startedAt) : 0) - wallOffsetMs,
    }));
  const ended = migrations.filter(({ outcome }) => outcome !== MigrationOutcome.RUNNING);
  return {
    faults: bringer.injuries.length,
    containers: asked.length,
    copies: asked.flatMap(({ name }) => lab.witness.copies(name)).length,
    overlapsMs: overlaps.map(({ ms }) => ms),
    controlOverlapMs: control.overlapMs,
    acknowledged: sum(clients.map((client) => client.acknowledged)),
    refused: sum(clients.map((client) => client.refused)),
    unanswered: sum(clients.map((client) => client.unanswered)),
    lost: [...clients.flatMap(({ lost }) => lost), ...(await notAsTold(lab, clients))],
    migrationsMs: ended.map((one) => tookMs(one)),
    stuck: migrations
      .filter(({ outcome }) => outcome === MigrationOutcome.RUNNING)
      .map((one) => `${one.containerName}: ${one.state}`),
    failovers: failoverTimes(bringer.injuries, moves, (name) => lab.witness.copies(name)),
    boundMs: control.boundMs,
    nodeHours: (lab.nodes.length * (untilMs - begunMs)) / 3_600_000,
    falseDeaths: reader.deaths
      .map(({ nodeId, atMs, message }) => ({ host: nameOf.get(nodeId) ?? nodeId, atMs: atMs - wallOffsetMs, message }))
      .filter(({ host, atMs }) => atMs >= begunMs && !hasReason(bringer.injuries, host, atMs))
      .map(({ message }) => message),
    coordinatorFaults: bringer.injuries.filter(({ host }) => host === CONTROL_HOST).length,
    events: reader.read,
    streamsBroken: reader.broken,
    relisted: reader.relisted,
    eventViolations: reader.violations,
    looks: room.looks,
    exceeded: room.exceeded,
    unsettled: wrong,
  };
}

/** Its container is gone afterwards, so that the witness counts nothing of it. */
async function controlExperiment(
  lab: Lab,
  told: (line: string) => void,
): Promise<{ overlapMs: number; boundMs: number }> {
  told("control experiment: guard and agent of a host are held, its cable is cut");
  const story = new Story(lab, positiveControl.title);
  await story.begin();
  await positiveControl.tell(story);
  const overlapMs = await story.end(positiveControl.course);
  const { containers } = await lab.api().containers.listContainers({ pageSize: PAGE_SIZE });
  const boundMs = Math.max(...containers.map(({ failoverBoundMs }) => failoverBoundMs));
  for (const { id } of containers) await lab.api().containers.deleteContainer({ id });
  told(`the witness saw two copies for ${overlapMs} ms`);
  return { overlapMs, boundMs };
}

async function atRest(lab: Lab): Promise<string> {
  let wrong = "nothing was looked at";
  await until("the fleet is at rest", REST_MS, async () => {
    wrong = await unsettled(lab);
    return wrong === "";
  }).catch((error: unknown) => {
    wrong ||= String(error);
  });
  return wrong;
}

/** What was acknowledged and is not so. */
async function notAsTold(lab: Lab, clients: readonly ChaosClient[]): Promise<string[]> {
  const { containers } = await lab.api().containers.listContainers({ pageSize: PAGE_SIZE });
  const found = new Map(containers.map((container) => [container.name, container]));
  return clients
    .flatMap((client) => client.containers)
    .flatMap(({ name, wanted }) => {
      const is = found.get(name);
      if (wanted === null) return [];
      if (wanted === "gone") return is ? [`${name} was deleted and is there`] : [];
      if (!is) return [`${name} is not there`];
      const desired = is.desiredState === DesiredState.STOPPED ? "stopped" : "running";
      return desired === wanted ? [] : [`${name} is to be ${desired}, people were told ${wanted}`];
    });
}

async function allMigrations(lab: Lab): Promise<Migration[]> {
  const all: Migration[] = [];
  for (let pageToken = ""; ; ) {
    const page = await lab.api().migrations.listMigrations({ pageSize: PAGE_SIZE, pageToken });
    all.push(...page.migrations);
    if (page.nextPageToken === "") return all;
    pageToken = page.nextPageToken;
  }
}

function tookMs({ startedAt, endedAt }: Migration): number {
  return startedAt && endedAt ? timestampMs(endedAt) - timestampMs(startedAt) : 0;
}

function hasReason(injuries: readonly Injury[], name: string, atMs: number): boolean {
  return injuries.some(({ host, fromMs, untilMs }) => host === name && fromMs <= atMs && untilMs >= atMs - REASON_MS);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
