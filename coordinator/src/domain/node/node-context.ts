import type { AlertKind, AlertRaise } from "../alert/alert.ts";
import type { Flaps } from "./flap-quarantine.ts";

/** What one node's actor knows. Plain data: it is the persisted snapshot. */
export type NodeContext = {
  readonly id: string;
  readonly name: string;
  /** Numbers the lives of the node: declaring it dead ends one, and everything started in it is void. */
  readonly session: number;
  /** When a heartbeat last arrived, wall clock ms, as known at the last transition; null when never. */
  readonly lastHeartbeatAt: number | null;
  /** When it came and went; see flap-quarantine.ts. */
  readonly flaps: Flaps;
};

export type NodeInput = Pick<NodeContext, "id" | "name">;

/** What a node's actor hears. `at` is the wall clock, ms, when the event was taken up. */
export type NodeEvent = { readonly at: number } & (
  | { readonly type: "ENROLLED" }
  /** An agent introduced itself and was welcomed to the present session. */
  | { readonly type: "HELLO" }
  /** The agent confirmed the present session: nothing of an older one is left on it. */
  | { readonly type: "CONFIRMED"; readonly session: number }
  | { readonly type: "HEARTBEATS_MISSING"; readonly lastHeartbeatAt: number | null }
  | { readonly type: "HEARTBEATS_BACK" }
  /** W is over: by the protocol's arithmetic nothing of the node's session runs any more. */
  | { readonly type: "LEASE_OVER"; readonly lastHeartbeatAt: number | null; readonly waitMs: number }
  /** The fence hook has seen the host off, so nothing of the node's session runs any more. */
  | {
      readonly type: "FENCED";
      readonly lastHeartbeatAt: number | null;
      readonly hook: string;
      readonly tookMs: number;
    }
  /** The agent closed its session by intent, so nothing of it runs any more. */
  | { readonly type: "GOODBYE"; readonly session: number; readonly lastHeartbeatAt: number | null }
);

export type NodeEffect =
  | {
      readonly kind: "event";
      readonly type: string;
      readonly severity: "info" | "warning" | "error";
      readonly message: string;
      readonly data?: Readonly<Record<string, unknown>>;
    }
  /** Its containers must hear that it is silent, heard again, dead or back. */
  | { readonly kind: "tellContainers"; readonly news: "NODE_SILENT" | "NODE_HEARD" | "NODE_DEAD" | "NODE_BACK" }
  /** Something is wrong with this node from now on. */
  | { readonly kind: "alert"; readonly alert: Omit<AlertRaise, "subject"> }
  /** These are wrong no more. */
  | { readonly kind: "alertOver"; readonly alerts: readonly AlertKind[] }
  /** Commands of the session that ended can never take effect. */
  | { readonly kind: "voidCommands" };
