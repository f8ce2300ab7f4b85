import { type SnapshotFrom, setup } from "xstate";
import { type DutyContext, type DutyEffect, type DutyEvent, type DutyInput, NOTHING_LEFT } from "./duty-context.ts";

/** Rises when a persisted snapshot of an older version could not be taken up as it is. */
export const DUTY_MACHINE_VERSION = 1;

type Args = { readonly context: DutyContext; readonly event: DutyEvent };

const isUntil = ({ context, event }: Args): boolean =>
  event.type === "DEADLINE" && context.until !== null && context.until <= event.due;
const nothingLeft = ({ event }: Args): boolean => event.type === "LOOKED" && event.survey.items.length === 0;
const bringsBack = ({ context }: Args): boolean => context.failback && context.moved.length > 0;

const s = setup({
  types: { context: {} as DutyContext, events: {} as DutyEvent, input: {} as DutyInput },
  actions: {
    // An effect is data for the runtime; carrying it out here would act before the commit.
    effect: (_: unknown, _effect: DutyEffect) => {},
  },
  guards: {
    /** No HA container is left that runs or is about to. */
    isEmpty: nothingLeft,
    isEmptyForMaintenance: (args: Args) => nothingLeft(args) && args.context.maintenance,
    isNotEmpty: ({ event }: Args) => event.type === "LOOKED" && event.survey.items.length > 0,
    /** Everything that was moved away is back, or is not ours to bring back any more. */
    isBack: ({ event }: Args) => event.type === "LOOKED" && event.survey.moved.length === 0,
    isUntil,
    isUntilAndBringsBack: (args: Args) => isUntil(args) && bringsBack(args),
    bringsBack,
  },
});

const effect = (params: DutyEffect) => ({ type: "effect", params }) as const;
const look = effect({ kind: "look" });

const say = (type: string, message: (context: DutyContext, event: DutyEvent) => string) =>
  s.enqueueActions(({ context, event, enqueue }) => {
    enqueue({ type: "effect", params: { kind: "event", type, severity: "info", message: message(context, event) } });
  });

const by = (event: DutyEvent): string => ("by" in event ? event.by : "the end of its time");

const noteWish = s.assign({
  since: ({ event }) => event.at,
  by: ({ context, event }) => ("by" in event ? event.by : context.by),
});

/** Begins a drain, or gives the one under way another aim; what it has moved already stays remembered. */
const noteDrain = s.assign({
  since: ({ event }) => event.at,
  by: ({ context, event }) => ("by" in event ? event.by : context.by),
  maintenance: ({ event }) => event.type === "MAINTAIN",
  until: ({ event }) => (event.type === "MAINTAIN" ? event.until : null),
  failback: ({ event }) => event.type === "MAINTAIN" && event.failback,
});

const beginAnew = s.assign({ ...NOTHING_LEFT, left: 0 });
const forget = s.assign({ ...NOTHING_LEFT, left: 0, maintenance: false, until: null, failback: false });

/** Takes over what a look has found, and says so when it is news. */
const noteSurvey = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "LOOKED") return;
  const { survey } = event;
  const left = context.left + event.leftNow;
  enqueue.assign({ ...survey, left });
  for (const item of survey.items) {
    const before = context.items.find(({ containerId }) => containerId === item.containerId);
    if (item.state !== "blocked" || (before?.code === item.code && before.message === item.message)) continue;
    enqueue({
      type: "effect",
      params: {
        kind: "event",
        type: "node.drain_blocked",
        severity: "warning",
        message: `${context.name}: ${item.name} is blocked: ${item.message}`,
        data: { containerId: item.containerId, code: item.code },
      },
    });
  }
  if (left === context.left && counts(survey) === counts(context)) return;
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "node.drain_progress",
      severity: "info",
      message: `${context.name}: ${left} moved, ${counts(survey)}`,
    },
  });
});

function counts({ items }: Pick<DutyContext, "items">): string {
  const of = (state: string): number => items.filter((item) => item.state === state).length;
  return `${of("moving")} moving, ${of("waiting")} waiting, ${of("blocked")} blocked`;
}

const inMinutes = (ms: number): string => `${Math.max(1, Math.round(ms / 60_000))} min`;
const howLong = ({ until }: DutyContext, { at }: DutyEvent): string =>
  until === null ? "until somebody ends it" : `for ${inMinutes(until - at)}`;

const drains = [
  noteDrain,
  say("node.draining", (context, event) =>
    event.type === "MAINTAIN"
      ? `${context.name} is being emptied for maintenance ${howLong(context, event)}, asked by ${event.by}`
      : `${context.name} is being emptied, asked by ${by(event)}`,
  ),
] as const;

const toService = {
  target: "in_service",
  actions: [
    say("node.uncordoned", (context, event) => `${context.name} takes containers again (${by(event)})`),
    noteWish,
  ],
} as const;

const cordons = {
  target: "cordoned",
  actions: [
    noteWish,
    say("node.cordoned", (context, event) => `${context.name} takes nothing new, asked by ${by(event)}`),
  ],
} as const;

const endsMaintenance = say(
  "node.maintenance_ended",
  (context, event) => `the maintenance of ${context.name} is over (${by(event)})`,
);

const anotherDrain = {
  DRAIN: { target: "draining", reenter: true, actions: drains },
  MAINTAIN: { target: "draining", reenter: true, actions: drains },
} as const;

/** What leads out of maintenance, in time or before it has been reached. */
const endings = {
  END_MAINTENANCE: [
    { guard: "bringsBack", target: "returning", actions: [endsMaintenance, noteWish] },
    { target: "in_service", actions: [endsMaintenance, noteWish] },
  ],
} as const;
const timeIsUp = [
  { guard: "isUntilAndBringsBack", target: "returning", actions: [endsMaintenance, noteWish] },
  { guard: "isUntil", target: "in_service", actions: [endsMaintenance, noteWish] },
] as const;

/**
 * What operators have decided about a node: whether it takes containers, and whether it is being emptied. Emptying sends
 * every HA container away by a migration and goes on by itself as blockers pass; standard containers stay.
 */
export const dutyMachine = s.createMachine({
  id: "duty",
  initial: "in_service",
  context: ({ input }) => ({
    ...input,
    ...NOTHING_LEFT,
    since: null,
    by: "",
    maintenance: false,
    until: null,
    failback: false,
    left: 0,
  }),
  states: {
    in_service: {
      entry: [forget, effect({ kind: "schedulable", value: true }), effect({ kind: "inService" })],
      on: {
        CORDON: cordons,
        DRAIN: { target: "draining", actions: [beginAnew, ...drains] },
        MAINTAIN: { target: "draining", actions: [beginAnew, ...drains] },
      },
    },
    cordoned: {
      entry: [forget, effect({ kind: "schedulable", value: false })],
      on: { UNCORDON: toService, ...anotherDrain },
    },
    draining: {
      entry: [effect({ kind: "schedulable", value: false }), look],
      on: {
        LOOKED: [
          {
            guard: "isEmptyForMaintenance",
            target: "maintenance",
            actions: [
              noteSurvey,
              say("node.maintenance", (context) => `${context.name} is empty of HA containers and in maintenance`),
            ],
          },
          {
            guard: "isEmpty",
            target: "drained",
            actions: [noteSurvey, say("node.drained", (context) => `${context.name} is empty of HA containers`)],
          },
          { actions: [noteSurvey] },
        ],
        UNCORDON: toService,
        CORDON: cordons,
        ...anotherDrain,
        ...endings,
        DEADLINE: [...timeIsUp, { actions: [look] }],
      },
    },
    drained: {
      on: {
        // Something was started there after all: it goes, too.
        LOOKED: { guard: "isNotEmpty", target: "draining", actions: [noteSurvey] },
        UNCORDON: toService,
        CORDON: cordons,
        ...anotherDrain,
      },
    },
    maintenance: {
      on: {
        LOOKED: { guard: "isNotEmpty", target: "draining", actions: [noteSurvey] },
        UNCORDON: toService,
        ...anotherDrain,
        ...endings,
        DEADLINE: timeIsUp,
      },
    },
    returning: {
      entry: [
        s.assign({ items: [], staying: [], resting: [], left: 0, until: null, maintenance: false }),
        effect({ kind: "schedulable", value: true }),
        effect({ kind: "inService" }),
        look,
      ],
      on: {
        LOOKED: [
          {
            guard: "isBack",
            target: "in_service",
            actions: [
              noteSurvey,
              say("node.returned_containers", (context) => `what the maintenance of ${context.name} moved is settled`),
            ],
          },
          { actions: [noteSurvey] },
        ],
        DEADLINE: { actions: [look] },
        UNCORDON: toService,
        CORDON: cordons,
        DRAIN: { target: "draining", actions: [beginAnew, ...drains] },
        MAINTAIN: { target: "draining", actions: [beginAnew, ...drains] },
      },
    },
  },
});

export type DutySnapshot = SnapshotFrom<typeof dutyMachine>;
export type DutyState = "in_service" | "cordoned" | "draining" | "drained" | "maintenance" | "returning";

/** A node's duty as it is shown: its state and what its actor knows. */
export type NodeDuty = { readonly state: DutyState } & DutyContext;
