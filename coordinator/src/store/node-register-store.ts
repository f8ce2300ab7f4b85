import type { NodeRegister, RegisteredNode } from "../agents/node-register.ts";
import { NodeEntity } from "./entities/fleet-entities.ts";
import type { Database } from "./open-database.ts";

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
    const em = this.#database.orm.em.fork();
    const accepted = await em.find(NodeEntity, { id: { $in: [...nodeIds] }, revokedAt: null }, { fields: ["id"] });
    const ids = new Set(accepted.map((node) => node.id));
    return nodeIds.filter((id) => !ids.has(id));
  }

  async recordCertificate(nodeId: string, serial: string): Promise<void> {
    await this.#database.orm.em.fork().nativeUpdate(NodeEntity, { id: nodeId }, { certificateSerial: serial });
  }
}
