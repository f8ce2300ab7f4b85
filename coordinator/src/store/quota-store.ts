import type { Quota, QuotaUse } from "../domain/quota.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Quotas } from "../runtime/quota-admission.ts";
import { QuotaEntity, type QuotaRow } from "./entities/quota-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

export type QuotaSubject = { readonly kind: "user" | "cluster"; readonly id: string };

/** A quota with what of it is used. */
export type QuotaReading = {
  readonly subject: QuotaSubject;
  /** The e-mail address, or the cluster's name. */
  readonly name: string;
  readonly quota: Quota;
  readonly used: QuotaUse;
};

/** The quotas that were set. Everything rejects when the database is away. */
export class QuotaStore {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  async set({ kind, id }: QuotaSubject, quota: Quota, by: string): Promise<void> {
    const setAt = new Date(this.#clock.wallMs());
    await this.#orm.em.fork().upsert(QuotaEntity, { subjectKind: kind, subjectId: id, ...quota, setBy: by, setAt });
  }

  /** False: there was none. */
  async remove({ kind, id }: QuotaSubject): Promise<boolean> {
    return (await this.#orm.em.fork().nativeDelete(QuotaEntity, { subjectKind: kind, subjectId: id })) > 0;
  }

  /** The quotas of people and clusters that are there, with their use, by kind and name. */
  async list(only: QuotaSubject | null = null): Promise<QuotaReading[]> {
    const rows = await this.#orm.em.fork().execute<RawReading[]>(
      `select q.subject_kind, q.subject_id, coalesce(u.email, c.name) as name,
              q.containers, q.cpu_millis, q.memory_bytes, q.disk_bytes, q.ports,
              count(held.id)::text as used_containers, coalesce(sum(held.cpu_millis), 0)::text as used_cpu,
              coalesce(sum(held.memory_bytes), 0)::text as used_memory, coalesce(sum(held.disk_bytes), 0)::text as used_disk,
              coalesce(sum(jsonb_array_length(held.spec -> 'ports')), 0)::text as used_ports
         from quota q
         left join auth."user" u on q.subject_kind = 'user' and u.id = q.subject_id
         left join cluster c on q.subject_kind = 'cluster' and c.id::text = q.subject_id
         left join lateral (
           select own.* from container own left join node at on at.id = own.node_id
            where case q.subject_kind when 'user' then own.owner = q.subject_id
                       else coalesce(at.cluster_id, own.preferred_cluster_id)::text = q.subject_id end) held on true
        where (u.id is not null or c.id is not null) and (?::text is null or (q.subject_kind = ?::text and q.subject_id = ?::text))
        group by q.subject_kind, q.subject_id, u.email, c.name
        order by q.subject_kind, name`,
      [only?.kind ?? null, only?.kind ?? null, only?.id ?? null],
    );
    return rows.map(readingOf);
  }

  /** What a container of somebody's is held against. `name`: what he is called. */
  async quotasFor(owner: string): Promise<Quotas> {
    const em = this.#orm.em.fork();
    const rows = await em.find(QuotaEntity, {
      $or: [{ subjectKind: "cluster" }, { subjectKind: "user", subjectId: owner }],
    });
    const own = rows.find(({ subjectKind }) => subjectKind === "user");
    const clusters = rows.filter(({ subjectKind }) => subjectKind === "cluster");
    return {
      owner: own && owner !== "" ? { name: await this.#addressOf(owner), quota: quotaOf(own) } : null,
      clusters: new Map(clusters.map((row) => [row.subjectId, quotaOf(row)])),
    };
  }

  async #addressOf(id: string): Promise<string> {
    const [row] = await this.#orm.em
      .fork()
      .execute<{ email: string }[]>(`select email from auth."user" where id = ?`, [id]);
    return row?.email ?? id;
  }
}

type RawReading = {
  readonly subject_kind: QuotaSubject["kind"];
  readonly subject_id: string;
  readonly name: string;
  readonly containers: number | null;
  readonly cpu_millis: string | null;
  readonly memory_bytes: string | null;
  readonly disk_bytes: string | null;
  readonly ports: number | null;
  readonly used_containers: string;
  readonly used_cpu: string;
  readonly used_memory: string;
  readonly used_disk: string;
  readonly used_ports: string;
};

const numberOf = (text: string | number | null): number | null => (text === null ? null : Number(text));

function readingOf(raw: RawReading): QuotaReading {
  return {
    subject: { kind: raw.subject_kind, id: raw.subject_id },
    name: raw.name,
    quota: {
      containers: numberOf(raw.containers),
      cpuMillis: numberOf(raw.cpu_millis),
      memoryBytes: numberOf(raw.memory_bytes),
      diskBytes: numberOf(raw.disk_bytes),
      ports: numberOf(raw.ports),
    },
    used: {
      containers: Number(raw.used_containers),
      cpuMillis: Number(raw.used_cpu),
      memoryBytes: Number(raw.used_memory),
      diskBytes: Number(raw.used_disk),
      ports: Number(raw.used_ports),
    },
  };
}

function quotaOf({ containers, cpuMillis, memoryBytes, diskBytes, ports }: QuotaRow): Quota {
  return {
    containers: containers ?? null,
    cpuMillis: cpuMillis ?? null,
    memoryBytes: memoryBytes ?? null,
    diskBytes: diskBytes ?? null,
    ports: ports ?? null,
  };
}
