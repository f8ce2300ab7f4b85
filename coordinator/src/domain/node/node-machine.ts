import { type SnapshotFrom, setup } from "xstate";
import { withFlap } from "./flap-quarantine.ts";
import type { NodeContext, NodeEffect, NodeEvent, NodeInput } from "./node-context.ts";

/** Rises when a persisted snapshot of an older version could not be taken up as it is. */
export const NODE_MACHINE_VERSION = 2;

const s = setup({
  types: { context: {} as NodeContext, events: {} as NodeEvent, input: {} as NodeInput },
  actions: {
    // An effect is data for the runtime; carrying it out here would act before the commit.
    effect: (_: unknown, _effect: NodeEffect) => {},
  },
});

const say = (
  type: string,
  severity: "info" | "warning" | "error",
  message: (context: NodeContext, event: NodeEvent) => string,
) =>
  s.enqueueActions(({ context, event, enqueue }) => {
    const data = {
      session: context.session,
      ...("waitMs" in event ? { waitMs: event.waitMs } : {}),
      ...("hook" in event ? { hook: event.hook, tookMs: event.tookMs } : {}),
    };
    enqueue({ type: "effect", params: { kind: "event", type, severity, message: message(context, event), data } });
  });

const tell = (news: Extract<NodeEffect, { kind: "tellContainers" }>["news"]) =>
  ({ type: "effect", params: { kind: "tellContainers", news } }) as const;

const alertDeath = (severity: "warning" | "error", how: string, nextStep: string) =>
  s.enqueueActions(({ context, enqueue }) => {
    const message = `${context.name} ${how}; its HA containers go elsewhere, its standard ones wait for it`;
    enqueue({ type: "effect", params: { kind: "alert", alert: { kind: "node_dead", severity, message, nextStep } } });
  });

const noteHeartbeat = s.assign({
  lastHeartbeatAt: ({ context, event }) =>
    "lastHeartbeatAt" in event ? (event.lastHeartbeatAt ?? context.lastHeartbeatAt) : event.at,
});

/** Who leaves by intent does not flap. */
const noteFlap = s.assign({ flaps: ({ context, event }) => withFlap(context.flaps, event.at) });

/** Ends the session: whatever was started in it is void, and its commands with it. Those who wait for them are told first. */
const endSession = s.enqueueActions(({ context, enqueue }) => {
  enqueue({ type: "effect", params: { kind: "tellContainers", news: "NODE_DEAD" } });
  enqueue({ type: "effect", params: { kind: "voidCommands" } });
  enqueue.assign({ session: context.session + 1 });
});

const isOfSession = ({ context, event }: { context: NodeContext; event: NodeEvent }) =>
  event.type === "GOODBYE" && event.session === context.session;

/** Ends a session in which nothing was started: nobody need be told, but whoever was welcomed to it says hello again. */
const endUnusedSession = s.assign({ session: ({ context }) => context.session + 1 });

const confirmsSession = ({ context, event }: { context: NodeContext; event: NodeEvent }) =>
  event.type === "CONFIRMED" && event.session === context.session;

const sayFenced = say("node.fenced", "warning", (context, event) =>
  event.type === "FENCED"
    ? `${context.name} was fenced: ${event.hook} confirmed after ${(event.tookMs / 1000).toFixed(1)} s that its host is off`
    : "",
);

const dies = {
  FENCED: {
    target: "dead",
    actions: [
      noteHeartbeat,
      noteFlap,
      sayFenced,
      say("node.dead", "error", (context) => `${context.name} was fenced; no HA container runs there any more`),
      alertDeath("error", "was fenced", "look why it fell silent, then start the host and its agent"),
      endSession,
    ],
  },
  LEASE_OVER: {
    target: "dead",
    actions: [
      noteHeartbeat,
      noteFlap,
      say("node.dead", "error", (context, event) =>
        event.type === "LEASE_OVER"
          ? `${context.name}: its lease is over, ${(event.waitMs / 1000).toFixed(1)} s after its last heartbeat; no HA container runs there any more`
          : "",
      ),
      alertDeath("error", "is dead: its lease is over", "look after the host and its network, then start its agent"),
      endSession,
    ],
  },
  GOODBYE: {
    guard: isOfSession,
    target: "dead",
    actions: [
      noteHeartbeat,
      say("node.dead", "warning", (context) => `${context.name} said goodbye: it stopped everything before it left`),
      alertDeath("warning", "said goodbye", "start its agent again when the host is to take part"),
      endSession,
    ],
  },
} as const;

/**
 * A node as the leader sees it. `unhealthy` is a suspicion and changes nothing for containers but what is shown; only
 * `dead`, which is entered when W is over or the agent said goodbye, lets a container start elsewhere.
 */
export const nodeMachine = s.createMachine({
  id: "node",
  initial: "pending",
  context: ({ input }) => ({ ...input, session: 1, lastHeartbeatAt: null, flaps: [] }),
  states: {
    pending: {
      on: {
        ENROLLED: { actions: [say("node.enrolled", "info", (context) => `${context.name} was enrolled`)] },
        HELLO: { target: "rejoining" },
      },
    },
    rejoining: {
      entry: [
        say(
          "node.rejoining",
          "info",
          (context) => `${context.name} is here; what an older session left is being removed`,
        ),
      ],
      on: {
        CONFIRMED: {
          guard: confirmsSession,
          target: "healthy",
          actions: [
            noteHeartbeat,
            say("node.healthy", "info", (context) => `${context.name} is healthy (session ${context.session})`),
            { type: "effect", params: { kind: "alertOver", alerts: ["node_dead"] } },
            tell("NODE_BACK"),
          ],
        },
        HELLO: {},
        LEASE_OVER: {
          target: "dead",
          actions: [
            say("node.dead", "warning", (context) => `${context.name} left before it had rejoined`),
            endUnusedSession,
          ],
        },
        FENCED: {
          target: "dead",
          actions: [
            sayFenced,
            say("node.dead", "warning", (context) => `${context.name} was fenced before it had rejoined`),
            endUnusedSession,
          ],
        },
        GOODBYE: {
          guard: isOfSession,
          target: "dead",
          actions: [
            say("node.dead", "warning", (context) => `${context.name} said goodbye before it had rejoined`),
            endUnusedSession,
          ],
        },
      },
    },
    healthy: {
      on: {
        HEARTBEATS_MISSING: {
          target: "unhealthy",
          actions: [
            noteHeartbeat,
            say("node.heartbeat_lost", "warning", (context) => `${context.name}: heartbeats are missing`),
            tell("NODE_SILENT"),
          ],
        },
        ...dies,
      },
    },
    unhealthy: {
      on: {
        HEARTBEATS_BACK: {
          target: "healthy",
          actions: [
            noteHeartbeat,
            noteFlap,
            say("node.returned", "info", (context) => `${context.name}: heartbeats are back before its lease was over`),
            tell("NODE_HEARD"),
          ],
        },
        ...dies,
      },
    },
    dead: {
      on: { HELLO: { target: "rejoining" } },
    },
  },
});

export type NodeSnapshot = SnapshotFrom<typeof nodeMachine>;
export type NodeState = "pending" | "rejoining" | "healthy" | "unhealthy" | "dead";
