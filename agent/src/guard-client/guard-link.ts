import type { GuardGrant } from "@lormas/lease/guard-lease.ts";
import type { GuardedGroup } from "../runtime/container-runtime.ts";

/** The agent's end of its guard. Every call settles within a short bound. */
export type GuardLink = {
  /** True while a guard answers. */
  readonly answering: boolean;
  /**
   * Boot time at which the guard will kill, as it told when it was last spoken to; null when it holds none. A fresh agent
   * learns from it until when the containers of its predecessor may run.
   */
  readonly deadlineMs: number | null;
  /** The soft end of the newest lease that the guard was told of in this boot; null when it knows none. */
  readonly softEndMs: number | null;
  /** Moves the deadline. True once the guard has stored it; false when it refused or did not answer. */
  renew(grant: GuardGrant): Promise<boolean>;
  /** Hands over what to kill. Rejects with RuntimeFault("no_lease") when the guard refuses or does not answer. */
  register(group: GuardedGroup): Promise<void>;
  /**
   * Has the guard let a copy that was handed over run its first instruction. Rejects with RuntimeFault("no_lease") when the
   * guard refuses or does not answer; nothing has run then.
   */
  enter(group: GuardedGroup): Promise<void>;
  /** The container has ended; nothing of it is left. */
  forget(containerId: string): Promise<void>;
  /** This agent is about to end on purpose: from here on no guard starts it again. */
  leaving(): Promise<void>;
  /** Ends the guard: nothing of this node runs any more. */
  dismiss(): Promise<void>;
};
