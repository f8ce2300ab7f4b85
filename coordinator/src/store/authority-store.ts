import type { EntityManager } from "@mikro-orm/postgresql";
import type {
  AuthorityRegister,
  FirstAuthority,
  StoredAuthorities,
  StoredAuthority,
  TrustReport,
} from "../agents/pki/authority-register.ts";
import type { Rotation, RotationCoordinator, RotationNode, RotationPhase } from "../domain/authority/rotation.ts";
import { Refusal } from "../domain/refusal.ts";
import type { WrappedKey } from "../domain/sealed-text.ts";
import {
  AuthorityCoordinatorEntity,
  AuthorityEntity,
  AuthorityRotationEntity,
  type AuthorityRotationRow,
  type AuthorityRow,
} from "./entities/authority-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";
import { readSnapshot } from "./read-model/snapshot.ts";

/** One authority for everything until there is a reason for more. */
const SCOPE = "agents";
const RETIRED_MAX = 8;

/** The fleet's authorities in PostgreSQL, shared by its coordinators. */
export class AuthorityStore implements AuthorityRegister, FirstAuthority {
  readonly #orm: DatabaseOrm;

  constructor(orm: DatabaseOrm) {
    this.#orm = orm;
  }

  load(): Promise<StoredAuthorities | null> {
    return readSnapshot(this.#orm, async ({ em }) => {
      const row = await em.findOne(AuthorityRotationEntity, { scope: SCOPE });
      return row && withAuthorities(em, row);
    });
  }

  adopt(authority: StoredAuthority): Promise<StoredAuthorities> {
    return this.#orm.em.fork().transactional(async (em) => {
      // Of coordinators that start together one comes after the other, and sees what that has done.
      await em.execute("lock table authority_rotation in exclusive mode");
      const row = await em.findOne(AuthorityRotationEntity, { scope: SCOPE });
      if (row !== null) return withAuthorities(em, row);
      await em.insert(AuthorityEntity, rowOf(authority));
      const rest = { nextId: null, startedAt: null, startedBy: "", leftBehind: [], revision: 1 };
      const phaseSince = new Date(authority.createdAtMs);
      const made = { scope: SCOPE, phase: "steady" as const, currentId: authority.id, phaseSince, ...rest };
      await em.insert(AuthorityRotationEntity, made);
      return { rotation: rotationOf(made), trusted: [authority], retired: [] };
    });
  }

  /**
   * Begins a rotation. Refusals: not_found (there is no authority yet), rotation_in_progress, etag_mismatch (`from` is not empty, and not
   * the present authority's id).
   */
  begin(next: StoredAuthority, wish: { readonly from: string; readonly by: string }): Promise<void> {
    return this.#alone(async (em, row) => {
      if (wish.from !== "" && wish.from !== row.currentId) {
        const message = `the fleet's authority is ${row.currentId}, and not ${wish.from}`;
        throw new Refusal("etag_mismatch", message, "look at it again: lormas ca show", { field: "from" });
      }
      if (row.phase !== "steady") {
        const message = `a rotation is in its phase "${row.phase}" already`;
        throw new Refusal("rotation_in_progress", message, "wait until it has ended: lormas ca show");
      }
      const now = new Date(next.createdAtMs);
      await em.insert(AuthorityEntity, rowOf(next));
      const started = { startedAt: now, startedBy: wish.by, leftBehind: [] };
      await change(em, row, { phase: "trusting", nextId: next.id, phaseSince: now, ...started });
    });
  }

  advance(revision: number, to: Exclude<RotationPhase, "trusting">, nowMs: number): Promise<void> {
    return this.#alone(async (em, row) => {
      if (row.revision !== revision || !row.nextId) return;
      const phaseSince = new Date(nowMs);
      if (to !== "steady") return change(em, row, { phase: to, phaseSince });
      const gone = { keyId: null, masterKeyId: null, wrapped: null, retiredAt: phaseSince };
      await em.nativeUpdate(AuthorityEntity, { id: row.currentId }, gone);
      const currentId = row.nextId;
      await change(em, row, { phase: to, currentId, nextId: null, phaseSince, leftBehind: [] });
    });
  }

  /**
   * The rotation goes on without these nodes. Refusals: no_rotation, etag_mismatch (`rotation` is not empty, and not the id of the
   * authority that takes over).
   */
  leaveBehind(nodeIds: readonly string[], rotation: string): Promise<void> {
    return this.#alone(async (em, row) => {
      if (row.nextId === null) {
        throw new Refusal("no_rotation", "no rotation is under way", "see where it stands: lormas ca show");
      }
      if (rotation !== "" && rotation !== row.nextId) {
        const message = `the authority ${row.nextId} takes over, and not ${rotation}`;
        throw new Refusal("etag_mismatch", message, "look at it again: lormas ca show", { field: "rotation" });
      }
      // Not its revision: nobody serves otherwise for it.
      await em.nativeUpdate(
        AuthorityRotationEntity,
        { scope: SCOPE },
        { leftBehind: [...new Set([...row.leftBehind, ...nodeIds])] },
      );
    });
  }

  async noteCoordinator(name: string, revision: number, nowMs: number, forgetBeforeMs: number): Promise<void> {
    const em = this.#orm.em.fork();
    await em.nativeDelete(AuthorityCoordinatorEntity, { seenAt: { $lt: new Date(forgetBeforeMs) } });
    await em.upsert(AuthorityCoordinatorEntity, { name, revision, seenAt: new Date(nowMs) });
  }

  async forgetCoordinator(name: string): Promise<void> {
    await this.#orm.em.fork().nativeDelete(AuthorityCoordinatorEntity, { name });
  }

  async coordinators(): Promise<readonly RotationCoordinator[]> {
    const rows = await this.#orm.em.fork().find(AuthorityCoordinatorEntity, {}, { orderBy: { name: "asc" } });
    return rows.map(({ name, revision }) => ({ name, revision }));
  }

  async nodes(): Promise<readonly RotationNode[]> {
    const rows = await this.#orm.em.fork().execute<NodeRow[]>(
      `select n.id, n.name, n.cluster_id as "clusterId", n.status, t.trusted, t.issuer
         from node n left join node_trust t on t.node_id = n.id
        where n.revoked_at is null and n.approval is null order by n.name`,
    );
    return rows.map(({ id, name, clusterId, status, trusted, issuer }) => ({
      ...{ id, name, clusterId },
      living: status !== "dead" && status !== "pending",
      report: trusted === null || issuer === null ? null : { trusted, issuer },
    }));
  }

  async noteReports(reports: readonly TrustReport[], nowMs: number): Promise<void> {
    if (reports.length === 0) return;
    const rows = reports.map(({ nodeId, trusted, issuer }) => ({ node_id: nodeId, trusted, issuer }));
    await this.#orm.em.fork().execute(
      `insert into node_trust (node_id, trusted, issuer, reported_at)
       select v.node_id, v.trusted, v.issuer, ?
         from jsonb_to_recordset(?::jsonb) as v (node_id uuid, trusted jsonb, issuer text)
        where exists (select from node n where n.id = v.node_id)
       on conflict (node_id) do update
         set trusted = excluded.trusted, issuer = excluded.issuer, reported_at = excluded.reported_at`,
      [new Date(nowMs), JSON.stringify(rows)],
    );
  }

  /** One change of the rotation after the other. Refusals: not_found. */
  #alone(work: (em: EntityManager, row: AuthorityRotationRow) => Promise<void>): Promise<void> {
    return this.#orm.em.fork().transactional(async (em) => {
      await em.execute("select from authority_rotation where scope = ? for update", [SCOPE]);
      const row = await em.findOne(AuthorityRotationEntity, { scope: SCOPE });
      if (row === null) throw noAuthority();
      await work(em, row);
    });
  }
}

type NodeRow = {
  readonly id: string;
  readonly name: string;
  readonly clusterId: string;
  readonly status: string;
  readonly trusted: readonly string[] | null;
  readonly issuer: string | null;
};

/** The refusal where no coordinator has noted an authority. */
export function noAuthority(): Refusal {
  const message = "no coordinator has served agents on this database yet";
  return new Refusal("not_found", message, "start one with an agent plane, then ask again");
}

/** The sealed key in a row; null where it is gone. */
export function storedKey({ keyId, masterKeyId, wrapped }: AuthorityRow): WrappedKey | null {
  if (!keyId || !masterKeyId || !wrapped) return null;
  return { id: keyId, masterKeyId, wrapped };
}

async function withAuthorities(em: EntityManager, row: AuthorityRotationRow): Promise<StoredAuthorities> {
  const ids = [row.currentId, ...(row.nextId ? [row.nextId] : [])];
  const rows = await em.find(AuthorityEntity, { id: { $in: ids } }, { disableIdentityMap: true });
  const trusted = ids.map((id) => {
    const found = rows.find((one) => one.id === id);
    const key = found && storedKey(found);
    if (!found || !key)
      throw new Error(`the key of the authority ${id} is missing in the database: put it back from a backup`);
    return { id, certificatePem: found.certificate, key, createdAtMs: found.createdAt.getTime() };
  });
  const past = { retiredAt: { $ne: null } };
  const retired = await em.find(AuthorityEntity, past, { orderBy: { retiredAt: "desc" }, limit: RETIRED_MAX });
  return {
    rotation: rotationOf(row),
    trusted,
    retired: retired.map(({ id, certificate, retiredAt }) => ({
      ...{ id, certificatePem: certificate },
      retiredAtMs: retiredAt?.getTime() ?? 0,
    })),
  };
}

async function change(em: EntityManager, row: AuthorityRotationRow, to: Partial<AuthorityRotationRow>): Promise<void> {
  await em.nativeUpdate(AuthorityRotationEntity, { scope: SCOPE }, { ...to, revision: row.revision + 1 });
}

function rowOf({ id, certificatePem, key, createdAtMs }: StoredAuthority) {
  const { id: keyId, masterKeyId, wrapped } = key;
  const createdAt = new Date(createdAtMs);
  return { id, certificate: certificatePem, keyId, masterKeyId, wrapped, createdAt, retiredAt: null };
}

function rotationOf(
  row: Pick<
    AuthorityRotationRow,
    "phase" | "currentId" | "nextId" | "revision" | "phaseSince" | "startedAt" | "startedBy" | "leftBehind"
  >,
): Rotation {
  const { phase, currentId, revision, startedBy, leftBehind } = row;
  return {
    ...{ phase, currentId, revision, startedBy, leftBehind },
    nextId: row.nextId ?? null,
    phaseSinceMs: row.phaseSince.getTime(),
    startedAtMs: row.startedAt?.getTime() ?? null,
  };
}
