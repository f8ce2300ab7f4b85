import type { GuardGrant } from "@lormas/lease/guard-lease.ts";
import type { StartGate } from "../process/start-gate.ts";
import type { AgentLaunch } from "./agent-keeper.ts";

/** What agent and guard say to each other: one JSON object a line, over a unix socket. */
export type GuardRequest =
  /** First line of a connection; the newest connection is the agent, older ones are dropped. */
  | {
      readonly type: "hello";
      readonly id: number;
      /** How the agent is started again when it dies; absent: it is not. */
      readonly agent?: AgentLaunch;
    }
  /** The agent ends on purpose: it is not started again. */
  | { readonly type: "leaving"; readonly id: number }
  | { readonly type: "renew"; readonly id: number; readonly grant: GuardGrant }
  /** `adopt` tells of something that runs already: it is taken without a lease, and killed if there is none. */
  | { readonly type: "register"; readonly id: number; readonly group: WireGroup; readonly adopt: boolean }
  /** Asks, at the last moment, whether the first instruction of a copy may run: its gate is opened, or stays shut. */
  | {
      readonly type: "enter";
      readonly id: number;
      readonly containerId: string;
      readonly epoch: string;
      readonly session: string;
    }
  | { readonly type: "forget"; readonly id: number; readonly containerId: string }
  /** Nothing runs any more: the guard ends. */
  | { readonly type: "dismiss"; readonly id: number };

export type GuardAnswer =
  | {
      readonly type: "ok";
      readonly id: number;
      /** From here on the guard kills; null: it holds no lease, or nothing is fenced. */
      readonly deadlineMs: number | null;
      /** The soft end of the newest lease it was told of. */
      readonly softEndMs: number | null;
      /** In answer to a hello: all that the guard knows. */
      readonly groups?: readonly WireGroup[];
    }
  | { readonly type: "refused"; readonly id: number; readonly reason: string };

/** What the guard kills by itself. */
export type WireGroup = {
  readonly containerId: string;
  readonly ha: boolean;
  readonly pid: number;
  readonly startTicks: string;
  readonly cgroups: readonly string[];
  readonly gate: StartGate;
};

/** Longest line; a peer that sends a longer one is cut off. */
export const LINE_CHARS_MAX = 8 << 20;

/** Splits what comes into lines; answers null when a line is too long. */
export function lineSplitter(): (text: string) => string[] | null {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    return rest.length > LINE_CHARS_MAX ? null : lines;
  };
}
