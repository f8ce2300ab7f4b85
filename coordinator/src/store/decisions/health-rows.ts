import type { EntityManager } from "@mikro-orm/postgresql";
import type { HealthSample } from "../../runtime/decision-store.ts";

/** Stores samples, one a node, in one statement of one parameter: rows by way of the unit of work cost ten times as much. */
export async function writeHealth(em: EntityManager, samples: readonly HealthSample[], atMs: number): Promise<void> {
  const at = new Date(atMs);
  const rows = samples.map((sample) => ({
    node_id: sample.nodeId,
    status: sample.status,
    last_heartbeat_at: sample.lastHeartbeatAtMs === null ? null : new Date(sample.lastHeartbeatAtMs),
    used_cpu_millis: sample.usage.cpuMillis,
    used_memory_bytes: sample.usage.memoryBytes,
    used_disk_bytes: sample.usage.diskBytes,
    confirmed_epoch: sample.confirmedEpoch ?? 0,
  }));
  await em.execute(
    `insert into node_health as h (node_id, status, last_heartbeat_at, used_cpu_millis, used_memory_bytes, used_disk_bytes,
                                   confirmed_epoch, updated_at)
     select v.*, ?::timestamptz from jsonb_to_recordset(?::jsonb)
       as v (node_id uuid, status text, last_heartbeat_at timestamptz, used_cpu_millis bigint, used_memory_bytes bigint,
             used_disk_bytes bigint, confirmed_epoch bigint)
     on conflict (node_id) do update set status = excluded.status, last_heartbeat_at = excluded.last_heartbeat_at,
       used_cpu_millis = excluded.used_cpu_millis, used_memory_bytes = excluded.used_memory_bytes,
       used_disk_bytes = excluded.used_disk_bytes, confirmed_epoch = excluded.confirmed_epoch,
       updated_at = excluded.updated_at`,
    [at.toISOString(), JSON.stringify(rows)],
  );
}

/** So many of them at a time, taken as they are asked for. */
export function* pages<T>(all: Iterable<T>, size: number): Iterable<T[]> {
  let page: T[] = [];
  for (const one of all) {
    page.push(one);
    if (page.length < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
