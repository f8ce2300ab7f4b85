import type { AgentLease } from "@lormas/lease/agent-lease.ts";
import { isVoter, type MembershipEpoch } from "@lormas/lease/membership.ts";
import type { Logger } from "pino";
import type { VoterWord } from "./vote-asker.ts";

/** While it goes on, that a node survives is said this often. */
const SAID_AGAIN_MS = 30_000;

type Words = ReadonlyMap<string, VoterWord>;

/** Says to people, in one line each and not too often, that a node without lease asks, survives, kills, or has a lease again. */
export class SurvivalLog {
  readonly #log: Logger;
  #sinceMs: number | null = null;
  #saidMs: number | null = null;
  #killed = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The soft end has passed and the hard end has not; call it as often as asked. */
  asking(lease: AgentLease, words: Words, nowMs: number): void {
    if (this.#sinceMs === null || this.#killed) {
      this.#sinceMs = nowMs;
      this.#saidMs = null;
      this.#killed = false;
      const others = lease.membership?.voters.filter(({ nodeId }) => nodeId !== lease.nodeId).length ?? 0;
      const leftMs = (lease.hardEndMs ?? nowMs) - nowMs;
      this.#log.warn(
        { voters: others, epoch: lease.membership?.epoch },
        `no lease is renewed: ${others} other voters are asked whether they are without one too; HA containers end in ${leftMs} ms unless a majority is`,
      );
    } else if (this.#saidMs !== null && nowMs - this.#saidMs >= SAID_AGAIN_MS) {
      this.prolonged(lease, words, nowMs);
    }
  }

  /** Votes have moved the hard end. */
  prolonged(lease: AgentLease, words: Words, nowMs: number): void {
    if (this.#sinceMs === null || (this.#saidMs !== null && nowMs - this.#saidMs < SAID_AGAIN_MS)) return;
    this.#saidMs = nowMs;
    this.#log.warn(
      { untilMs: lease.hardEndMs, sinceMs: nowMs - this.#sinceMs },
      `${tally(lease, words)}: what runs goes on for ${(lease.hardEndMs ?? nowMs) - nowMs} ms, and is asked for again`,
    );
  }

  /** Peers are not asked now. True when that ends a time without lease. */
  resting(lease: AgentLease, words: Words, nowMs: number): boolean {
    if (this.#sinceMs === null) return false;
    const isHeld = lease.softEndMs !== null && nowMs < lease.softEndMs;
    const isOver = lease.hardEndMs !== null && nowMs >= lease.hardEndMs;
    if (isOver && !this.#killed) {
      this.#killed = true;
      this.#log.error(
        { epoch: lease.membership?.epoch },
        `${tally(lease, words)}: HA containers of this node are killed`,
      );
    }
    if (!isHeld) return false;
    this.#log.info({ sinceMs: nowMs - this.#sinceMs, killed: this.#killed }, "a lease is held again");
    this.#sinceMs = null;
    this.#saidMs = null;
    this.#killed = false;
    return true;
  }
}

/** "2 of 3 voters are without lease (this node, node-2; node-3: no answer)". */
function tally(lease: AgentLease, words: Words): string {
  const { membership, nodeId } = lease;
  if (!membership) return "this node is in no voting group";
  const without = membership.voters.filter((voter) => voter.nodeId !== nodeId && has(words, voter.nodeId));
  const against = membership.voters.filter((voter) => voter.nodeId !== nodeId && !has(words, voter.nodeId));
  const names = [...(isVoter(membership, nodeId) ? ["this node"] : []), ...without.map(({ nodeName }) => nodeName)];
  const rest = against.map(({ nodeId: id, nodeName }) => `${nodeName}: ${words.get(id)?.reason ?? "not asked"}`);
  return `${names.length} of ${size(membership)} voters are without lease (${[names.join(", "), ...rest].filter(Boolean).join("; ")})`;
}

const has = (words: Words, voterId: string): boolean => words.get(voterId)?.kind === "without_lease";
const size = (membership: MembershipEpoch): number => membership.voters.length;
