import type { EntityManager } from "@mikro-orm/postgresql";
import type { LeadershipRecord } from "../../domain/leadership/leader-lease.ts";
import {
  type DecisionChanges,
  type DecisionStore,
  type EndedCommand,
  type HealthSample,
  type LoadedFleet,
  StaleTermError,
  UnreadableFleetError,
  UnstorableChangesError,
} from "../../runtime/decision-store.ts";
import { systemClock } from "../../runtime/system-clock.ts";
import { ActorSnapshotEntity, EventEntity, LeadershipEntity, OutboxEntity } from "../entities/decision-entities.ts";
import { JoinTokenEntity, NodeEntity, NodeHealthEntity, RemovedNodeEntity } from "../entities/fleet-entities.ts";
import { ContainerKeyEntity } from "../entities/secret-entities.ts";
import { ContainerEntity, PortReservationEntity, ReservationEntity } from "../entities/workload-entities.ts";
import { addContainerKeys } from "../master-key-store.ts";
import type { Database } from "../open-database.ts";
import { writeAlerts } from "./alert-rows.ts";
import { containerRow, eventRow, holdingRows, nodeRow, outboxRow, snapshotRows } from "./decision-rows.ts";
import { readFleetRows } from "./fleet-rows.ts";
import { writeGroups } from "./group-rows.ts";
import { pages, writeHealth } from "./health-rows.ts";
import { writeJobs } from "./job-writer.ts";
import { fleetOf } from "./load-fleet.ts";
import { writeMigrations } from "./migration-writer.ts";

/** One scope until clusters are divided among coordinators. */
const SCOPE = "global";
/** So few that preparing them keeps the process busy for a millisecond or two. */
const HEALTH_ROWS_PER_STATEMENT = 500;

/** Decisions and leadership in PostgreSQL. */
export class PostgresDecisionStore implements DecisionStore {
  readonly #database: Database;
  readonly #deliverAlerts: () => boolean;
  readonly #hasMasterKey: (id: string) => boolean;

  constructor(
    database: Database,
    { deliverAlerts = () => false, hasMasterKey = () => true }: DecisionStoreOptions = {},
  ) {
    this.#database = database;
    this.#deliverAlerts = deliverAlerts;
    this.#hasMasterKey = hasMasterKey;
  }

  async commit(term: number, changes: DecisionChanges): Promise<void> {
    try {
      await this.#write(term, changes);
    } catch (error) {
      throw isRefusal(error) ? new UnstorableChangesError(error) : error;
    }
  }

  async #write(term: number, changes: DecisionChanges): Promise<void> {
    await this.#database.orm.em.fork().transactional(async (em) => {
      await holdTerm(em, term);
      const at = new Date(changes.atMs);
      const asOf = changes.newestSequence;
      if (changes.holdings.length > 0) {
        const ids = changes.holdings.map(({ containerId }) => containerId);
        await em.nativeDelete(PortReservationEntity, { containerId: { $in: ids } });
        await em.nativeDelete(ReservationEntity, { containerId: { $in: ids } });
      }
      if (changes.forgotten.length > 0) {
        const ids = [...changes.forgotten];
        await em.nativeDelete(ActorSnapshotEntity, { kind: "container", id: { $in: ids } });
        await em.nativeDelete(ContainerEntity, { id: { $in: ids } });
        await em.nativeDelete(ContainerKeyEntity, { containerId: { $in: ids } });
      }
      await removeNodes(em, changes.removedNodes, at);
      await writeGroups(em, changes, at);
      if (changes.nodes.length > 0)
        await em.upsertMany(
          NodeEntity,
          changes.nodes.map((node) => nodeRow(node, asOf)),
        );
      if (changes.containers.length > 0) {
        await em.upsertMany(
          ContainerEntity,
          changes.containers.map((container) => containerRow(container, asOf)),
        );
      }
      await addContainerKeys(em, containerKeys(changes.containers));
      const snapshots = snapshotRows(changes);
      if (snapshots.length > 0) await em.upsertMany(ActorSnapshotEntity, snapshots);
      const { reservations, ports } = holdingRows(changes.holdings);
      if (reservations.length > 0) await em.insertMany(ReservationEntity, reservations);
      if (ports.length > 0) await em.insertMany(PortReservationEntity, ports);
      await writeMigrations(em, changes.migrations, at, asOf);
      await writeJobs(em, changes.jobs, at);
      await writeAlerts(em, changes, this.#deliverAlerts());
      if (changes.commands.length > 0) {
        await em.insertMany(
          OutboxEntity,
          changes.commands.map((command) => outboxRow(command, changes.atMs)),
        );
      }
      await endCommands(em, changes.endedCommands, at);
      for (const { tokenHash, nodeId, livesUntilMs } of changes.usedTokens) {
        const longer = livesUntilMs === undefined ? {} : { expiresAt: new Date(livesUntilMs) };
        await em.nativeUpdate(
          JoinTokenEntity,
          { secretHash: tokenHash },
          { usedAt: at, usedByNodeId: nodeId, ...longer },
        );
      }
      if (changes.events.length > 0) await em.insertMany(EventEntity, changes.events.map(eventRow));
    });
  }

  async load(): Promise<LoadedFleet> {
    const rows = await this.#database.orm.em.fork().transactional(async (em) => {
      // A commit that was given up unanswered may still be on its way in a server that stalls, and holds the row: it ends
      // before anything is read, and none begins until all is. READ COMMITTED, so that what it wrote is seen.
      await em.execute("select term from leadership where scope = ? for update", [SCOPE]);
      return await readFleetRows(em);
    });
    const foreign = rows.keys.find(({ masterKeyId }) => !this.#hasMasterKey(masterKeyId));
    if (foreign) throw new UnreadableFleetError(foreignKey(foreign.masterKeyId));
    // Outside: it takes a while for many, and nobody need wait for it.
    return await fleetOf(rows, () => new Promise((resolve) => void systemClock.schedule(0, resolve)));
  }

  async readLeadership(): Promise<LeadershipRecord | null> {
    const row = await this.#database.orm.em.fork().findOne(LeadershipEntity, { scope: SCOPE });
    return row && { holder: row.holder ?? null, term: row.term, renewals: row.renewals, ttlMs: row.ttlMs };
  }

  takeLeadership(seen: LeadershipRecord | null, instance: string, ttlMs: number): Promise<LeadershipRecord | null> {
    return this.#database.orm.em.fork().transactional(async (em) => {
      await em.execute(
        "insert into leadership (scope, term, renewals, ttl_ms) values (?, 0, 0, ?) on conflict do nothing",
        [SCOPE, ttlMs],
      );
      const [row] = await em.execute<{ holder: string | null; term: string; renewals: string }[]>(
        "select holder, term, renewals from leadership where scope = ? for update",
        [SCOPE],
      );
      const unchanged =
        row !== undefined &&
        (seen === null
          ? Number(row.term) === 0
          : row.holder === seen.holder && Number(row.term) === seen.term && Number(row.renewals) === seen.renewals);
      if (!unchanged) return null;
      const term = Number(row.term) + 1;
      await em.nativeUpdate(LeadershipEntity, { scope: SCOPE }, { holder: instance, term, renewals: 0, ttlMs });
      return { holder: instance, term, renewals: 0, ttlMs };
    });
  }

  async renewLeadership(instance: string, term: number): Promise<boolean> {
    const renewed = await this.#database.orm.em
      .fork()
      .execute<unknown[]>(
        "update leadership set renewals = renewals + 1 where scope = ? and holder = ? and term = ? returning term",
        [SCOPE, instance, term],
      );
    return renewed.length === 1;
  }

  async releaseLeadership(instance: string, term: number): Promise<void> {
    await this.#database.orm.em
      .fork()
      .nativeUpdate(LeadershipEntity, { scope: SCOPE, holder: instance, term }, { holder: null });
  }

  async flushHealth(term: number, samples: Iterable<HealthSample>, atMs: number): Promise<void> {
    for (const page of pages(samples, HEALTH_ROWS_PER_STATEMENT)) {
      await this.#database.orm.em.fork().transactional(async (em) => {
        await holdTerm(em, term);
        await writeHealth(em, page, atMs);
      });
    }
  }

  async tokenCluster(tokenHash: string, nowMs: number): Promise<string | null> {
    const token = await this.#database.orm.em
      .fork()
      .findOne(JoinTokenEntity, { secretHash: tokenHash, usedAt: null, expiresAt: { $gt: new Date(nowMs) } });
    return token?.clusterId ?? null;
  }
}

export type DecisionStoreOptions = {
  /** Whether transitions of alerts are kept for the webhook's receiver too; asked anew for every commit. */
  readonly deliverAlerts?: () => boolean;
  /** Whether this coordinator has a master key; absent: every one. */
  readonly hasMasterKey?: (id: string) => boolean;
};

/** Another coordinator has changed the master key since this one started. */
const foreignKey = (id: string): string =>
  `secrets of containers are sealed by the master key ${id}, which this coordinator does not have: give it that key and start it again (docs/secrets.md)`;

const containerKeys = (containers: DecisionChanges["containers"]) =>
  containers.flatMap(({ facts: { id, secretKey } }) => (secretKey ? [{ containerId: id, key: secretKey }] : []));

/** Their names stay, for histories. */
async function removeNodes(em: EntityManager, removed: DecisionChanges["removedNodes"], at: Date): Promise<void> {
  if (removed.length === 0) return;
  const ids = removed.map(({ id }) => id);
  await em.nativeDelete(ActorSnapshotEntity, { kind: { $in: ["node", "duty"] }, id: { $in: ids } });
  await em.nativeDelete(NodeHealthEntity, { nodeId: { $in: ids } });
  await em.nativeDelete(NodeEntity, { id: { $in: ids } });
  await em.upsertMany(
    RemovedNodeEntity,
    removed.map(({ id, name }) => ({ id, name, removedAt: at })),
  );
}

/** Commands whose results are stored, or whose session is over: one statement for all of them. */
async function endCommands(em: EntityManager, ended: readonly EndedCommand[], at: Date): Promise<void> {
  if (ended.length === 0) return;
  const rows = ended.map(({ commandId, state, ok, errorCode, errorMessage }) => ({
    command_id: commandId,
    state,
    ok,
    error_code: errorCode,
    error_message: errorMessage,
  }));
  await em.execute(
    `update outbox o set state = v.state, ok = v.ok, error_code = v.error_code, error_message = v.error_message, ended_at = ?
     from jsonb_to_recordset(?::jsonb)
       as v (command_id uuid, state text, ok boolean, error_code text, error_message text)
     where o.command_id = v.command_id`,
    [at, JSON.stringify(rows)],
  );
}

/**
 * Holds the term until the transaction ends; throws StaleTermError when it is over. The lock conflicts with a takeover's
 * FOR UPDATE, and with nothing else: a write of an old term can then not commit after the takeover, which a mere comparison
 * of the term would let it.
 */
/** Holds the leadership row until the transaction ends; throws StaleTermError when the term is not the present one any more. */
export async function holdTerm(em: EntityManager, term: number): Promise<void> {
  const held = await em.execute<{ term: string }[]>(
    "select term from leadership where scope = ? and term = ? for key share",
    [SCOPE, term],
  );
  if (held.length === 0) throw new StaleTermError(term);
}

/** The server's own word that a statement's data is wrong (classes 22, 23, and 08P01): the transaction is rolled back. */
function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^(22|23|08P01)/.test(code);
}
