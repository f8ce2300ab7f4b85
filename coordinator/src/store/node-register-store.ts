import type { NodeRegister, RegisteredNode } from "../agents/node-register.ts";
import { NodeEntity } from "./entities/fleet-entities.ts";
import type { Database } from "./open-database.ts";
import { uuidArray } from "./read-model/snapshot.ts";

/** Enrolled nodes in PostgreSQL, as far as the agent plane asks. */
export class NodeRegisterStore implements NodeRegister {
  readonly #database: Pick<Database, "orm">;

  constructor(database: Pick<Database, "orm">) {
    this.#database = database;
  }

  async find(nodeId: string): Promise<RegisteredNode | null> {
    const node = await this.#database.orm.em.fork().findOne(NodeEntity, { id: nodeId });
    return node === null ? null : { name: node.name, revoked: node.revokedAt !== null };
  }

  async refusedAmong(nodeIds: readonly string[]): Promise<string[]> {
    // Asked of every node that is connected, again and again; of most there is nothing to tell.
    const refused = await this.#database.orm.em.fork().execute<{ id: string }[]>(
      `select asked.id from unnest(?::uuid[]) as asked (id)
        where not exists (select 1 from node where node.id = asked.id and node.revoked_at is null)`,
      [uuidArray(nodeIds)],
    );
    return refused.map(({ id }) => id);
  }

  async recordCertificate(nodeId: string, serial: string): Promise<void> {
    await this.#database.orm.em.fork().nativeUpdate(NodeEntity, { id: nodeId }, { certificateSerial: serial });
  }
}
