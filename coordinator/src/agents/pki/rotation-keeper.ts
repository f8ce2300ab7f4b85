import {
  isStalled,
  isUpToDate,
  judgeRotation,
  type Rotation,
  type RotationBlocker,
} from "../../domain/authority/rotation.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PlaneLog } from "../plane-log.ts";
import type { AuthorityRegister, TrustReport } from "./authority-register.ts";
import type { FleetAuthorities } from "./fleet-authorities.ts";

/** How often the database is asked for a change, ms. */
export const LOOK_MS = 2_000;
/** The same while a rotation is under way. */
export const ROTATING_LOOK_MS = 500;
/** A coordinator that was not seen for so long has ended, ms. */
const COORDINATOR_GONE_MS = 30_000;
/** So much of the time in which nodes renew is each node's own: a fleet renews 20 certificates a second; ms. */
const SPREAD_PER_NODE_MS = 50;
const SPREAD_MAX_MS = 1_800_000;
/** Beside that, until a node that has said nothing is asked once more, ms. */
const ASK_AGAIN_MS = 60_000;
/** Reports that one statement stores, and that may wait for it; what is more waits for the next word of its node. */
const REPORTS_PER_STATEMENT = 1_000;
const REPORTS_WAITING_MAX = 200_000;

/** Who is told that a rotation stands still. */
export interface RotationAlerts {
  /** These hold it up; none: all is well. Says nothing twice. */
  stalled(rotation: Rotation, blockers: readonly RotationBlocker[]): Promise<void>;
}

export type RotationKeeperParts = {
  readonly authorities: FleetAuthorities;
  readonly register: AuthorityRegister;
  /** How this coordinator calls itself. */
  readonly name: string;
  /** Whether this coordinator leads: the leader speaks with the nodes, and alone decides. */
  readonly leads: () => boolean;
  /** Asks a node for a renewal within some time; false: it is not connected, or knows of no such thing. */
  readonly ask: (nodeId: string, withinMs: number) => boolean;
  readonly alerts: RotationAlerts;
  readonly clock: Clock;
  readonly log: PlaneLog;
};

/** Takes up what the database says of the fleet's authorities, and as the leader brings their rotation on. */
export class RotationKeeper {
  readonly #parts: RotationKeeperParts;
  /** What nodes have said last, as far as it is known here; filled at the beginning of a term. */
  readonly #said = new Map<string, { readonly trusted: readonly string[]; readonly issuer: string }>();
  /** What is still to be stored of it. */
  readonly #waiting = new Map<string, TrustReport>();
  /** Nodes that have spoken here and should say something else, and when they may be asked again; boot clock. */
  readonly #differing = new Map<string, number>();
  #wasLeading = false;
  #judgedBy = -1;
  #looking: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};
  #stopped = true;

  constructor(parts: RotationKeeperParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
    this.#later();
  }

  /** Ends in order; resolves when nothing is being read or written any more. */
  async stop(): Promise<void> {
    const { register, name, log } = this.#parts;
    this.#stopped = true;
    this.#cancel();
    await this.#looking;
    // Where that fails, the others forget it by themselves.
    await register
      .forgetCoordinator(name)
      .catch((error: unknown) => log.warn({ err: error }, "a rotation may wait for this coordinator for 30 s"));
  }

  /** A node has said whom it trusts. */
  reported(report: TrustReport): void {
    const { nodeId, trusted, issuer } = report;
    const before = this.#said.get(nodeId);
    const isNew = before?.issuer !== issuer || before.trusted.join() !== trusted.join();
    if (isNew && this.#waiting.size < REPORTS_WAITING_MAX) {
      this.#said.set(nodeId, { trusted, issuer });
      this.#waiting.set(nodeId, report);
    }
    if (isUpToDate(this.#parts.authorities.rotation, report)) this.#differing.delete(nodeId);
    else this.#differing.set(nodeId, 0);
  }

  /** Looks once; never rejects. */
  async look(): Promise<void> {
    const { authorities, log } = this.#parts;
    try {
      await authorities.refresh();
      await this.#noteOneself();
      const leads = this.#parts.leads();
      if (leads && !this.#wasLeading) await this.#remember();
      this.#wasLeading = leads;
      if (!leads) return;
      this.#reconsider();
      await this.#store();
      this.#ask();
      await this.#advance();
    } catch (error) {
      log.warn({ err: error }, "the fleet's authorities were not looked after; trying again");
    }
  }

  async #noteOneself(): Promise<void> {
    const { register, authorities, name, clock } = this.#parts;
    const nowMs = clock.wallMs();
    await register.noteCoordinator(name, authorities.rotation.revision, nowMs, nowMs - COORDINATOR_GONE_MS);
  }

  /** What was stored by leaders before: it need not be stored again when nodes say the same. */
  async #remember(): Promise<void> {
    const nodes = await this.#parts.register.nodes();
    this.#said.clear();
    for (const { id, report } of nodes) if (report !== null) this.#said.set(id, report);
    // What was said before this coordinator knew that it leads is newer.
    for (const [nodeId, report] of this.#waiting) this.#said.set(nodeId, report);
    this.#judgedBy = -1;
  }

  /** Another revision asks something else of nodes. */
  #reconsider(): void {
    const { rotation } = this.#parts.authorities;
    if (rotation.revision === this.#judgedBy) return;
    this.#judgedBy = rotation.revision;
    for (const [nodeId, report] of this.#said) {
      if (isUpToDate(rotation, report)) this.#differing.delete(nodeId);
      else this.#differing.set(nodeId, 0);
    }
  }

  async #store(): Promise<void> {
    const { register, clock } = this.#parts;
    while (this.#waiting.size > 0) {
      const some = [...this.#waiting.values()].slice(0, REPORTS_PER_STATEMENT);
      await register.noteReports(some, clock.wallMs());
      // What came meanwhile of the same node waits on.
      for (const report of some) {
        if (this.#waiting.get(report.nodeId) === report) this.#waiting.delete(report.nodeId);
      }
    }
  }

  #ask(): void {
    const { clock, ask } = this.#parts;
    const nowMs = clock.bootMs();
    const withinMs = Math.min(this.#differing.size * SPREAD_PER_NODE_MS, SPREAD_MAX_MS);
    for (const [nodeId, fromMs] of this.#differing) {
      if (nowMs < fromMs) continue;
      if (ask(nodeId, withinMs)) this.#differing.set(nodeId, nowMs + withinMs + ASK_AGAIN_MS);
    }
  }

  async #advance(): Promise<void> {
    const { register, authorities, alerts, clock, log } = this.#parts;
    const { rotation } = authorities;
    const nowMs = clock.wallMs();
    if (rotation.phase === "steady") return alerts.stalled(rotation, []);
    const [nodes, coordinators] = [await register.nodes(), await register.coordinators()];
    const judgement = judgeRotation(rotation, nodes, coordinators, nowMs);
    await alerts.stalled(rotation, isStalled(rotation, nowMs) ? judgement.blockers : []);
    if (judgement.next === null) return;
    await register.advance(rotation.revision, judgement.next, nowMs);
    const left = judgement.next === "steady" ? judgement.mustEnrolAgain.map(({ name }) => name).slice(0, 100) : [];
    log.info(
      { from: rotation.phase, to: judgement.next, ...(left.length > 0 ? { mustEnrolAgain: left } : {}) },
      "the rotation of the fleet's authority goes on",
    );
    await authorities.refresh();
  }

  #later(): void {
    if (this.#stopped) return;
    const { clock, authorities } = this.#parts;
    const everyMs = authorities.rotation.phase === "steady" ? LOOK_MS : ROTATING_LOOK_MS;
    this.#cancel = clock.schedule(everyMs, () => {
      this.#looking = this.look().finally(() => this.#later());
    });
  }
}
