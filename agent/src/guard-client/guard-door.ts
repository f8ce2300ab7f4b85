import type { GuardAnswer, GuardRequest } from "../guard/guard-message.ts";

/** One connection to a guard. */
export type GuardConnection = {
  send(request: GuardRequest): void;
  /** Who hears its answers, in order, and once that it is closed, by whichever side. */
  serve(answered: (answer: GuardAnswer) => void, closed: () => void): void;
  close(): void;
};

/** The way to this node's guard. */
export type GuardDoor = {
  /** Null when no guard listens. */
  dial(): Promise<GuardConnection | null>;
  /** Starts a guard that outlives this process; it listens a little later. Never throws but tells of failure. */
  spawn(failed: (error: unknown) => void): void;
};
