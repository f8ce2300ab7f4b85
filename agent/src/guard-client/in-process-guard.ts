import type { GuardGrant } from "@lormas/lease/guard-lease.ts";
import { openGate } from "../process/start-gate.ts";
import type { GuardedGroup } from "../runtime/container-runtime.ts";
import type { GuardLink } from "./guard-link.ts";

/**
 * A guard without a process, for simulated runtimes: where nothing runs, nothing has to be killed. It keeps what it is told and
 * answers at once.
 */
export class InProcessGuard implements GuardLink {
  answering = true;
  deadlineMs: number | null = null;
  softEndMs: number | null = null;
  dismissed = false;
  readonly groups = new Map<string, GuardedGroup>();

  async renew({ deadlineMs, softEndMs, fenced }: GuardGrant): Promise<boolean> {
    if (!this.answering) return false;
    this.deadlineMs = fenced ? Math.max(this.deadlineMs ?? deadlineMs, deadlineMs) : null;
    this.softEndMs = Math.max(this.softEndMs ?? softEndMs, softEndMs);
    return true;
  }

  async register(group: GuardedGroup): Promise<void> {
    this.groups.set(group.containerId, group);
  }

  async enter(group: GuardedGroup): Promise<void> {
    openGate(group.gate);
  }

  async forget(containerId: string): Promise<void> {
    this.groups.delete(containerId);
  }

  /** It starts nothing. */
  async leaving(): Promise<void> {}

  async dismiss(): Promise<void> {
    this.dismissed = true;
  }
}
