import type { WrappedKey } from "../domain/sealed-text.ts";
import type { AgentLink } from "./agent-link.ts";
import type { PendingCommand } from "./fleet-view.ts";

export type CommandSenderPorts = {
  readonly link: Pick<AgentLink, "sendCommand" | "onRoom">;
  /** What of a node waits for its result, in the order of commits. */
  readonly pendingOf: (nodeId: string) => PendingCommand[];
  /** The key of a container's secrets, as it is stored. */
  readonly secretKeyOf: (containerId: string) => WrappedKey | null;
  /** The cluster of a node. */
  readonly clusterOf: (nodeId: string) => string;
  /** The term this coordinator leads; null: nothing may be sent, the outbox keeps it for whoever leads next. */
  readonly term: () => number | null;
};

/**
 * Sends committed commands in the order of their commits. What a node's stream has no room for waits, and everything behind
 * it, until there is room or the node attaches anew; nothing is kept here but from where on.
 */
export class CommandSender {
  readonly #ports: CommandSenderPorts;
  /** By node, the position of the oldest command that its stream did not take. */
  readonly #unsentFrom = new Map<string, number>();

  constructor(ports: CommandSenderPorts) {
    this.#ports = ports;
    ports.link.onRoom((nodeId) => {
      const from = this.#unsentFrom.get(nodeId);
      if (from === undefined) return;
      this.#unsentFrom.delete(nodeId);
      this.send(ports.pendingOf(nodeId).filter(({ position }) => position >= from));
    });
  }

  /** Sends what has just been committed. */
  send(commands: readonly PendingCommand[]): void {
    const term = this.#ports.term();
    if (term === null) return;
    for (const { nodeId, position, command } of commands) {
      if (this.#unsentFrom.has(nodeId)) continue;
      // A command that an older term decided is this leader's now: agents obey no term below the one they have seen.
      const secretKey = this.#ports.secretKeyOf(command.containerId);
      const clusterId = this.#ports.clusterOf(nodeId);
      if (!this.#ports.link.sendCommand(nodeId, { ...command, term, secretKey, clusterId }))
        this.#unsentFrom.set(nodeId, position);
    }
  }

  /** Sends everything of a node that waits for its result: its agent may have seen none of it. */
  sendAll(nodeId: string): void {
    this.#unsentFrom.delete(nodeId);
    this.send(this.#ports.pendingOf(nodeId));
  }

  /** Forgets what was not sent: the next term begins with every node's attach. */
  clear(): void {
    this.#unsentFrom.clear();
  }
}
