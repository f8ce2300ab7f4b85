import type { Act } from "./scene.ts";

/** Each brings about what one rule of the fencing protocol is there for. */
export const RULE_SCENES = {
  "a voter restarts while it is asked": [
    { kind: "cut node from coordinators", after: [0, 0], lasts: [1.5, 2] },
    { kind: "cut node from coordinators", after: [0.82, 0.92], lasts: [0.5, 0.9], victim: 1 },
    { kind: "crash agent", after: [0.86, 0.93], lasts: [0, 0], victim: 1 },
  ],
  "a voter joins while two are cut off": [
    { kind: "power off", after: [0, 0], lasts: [2, 2.2], victim: 2 },
    { kind: "cut node from coordinators", on: "epoch", after: [1.9, 1.9], lasts: [3, 4] },
    { kind: "cut node from coordinators", on: "epoch", after: [1.9, 1.9], lasts: [3, 4], victim: 1 },
  ],
  "heartbeats arrive late together": [
    { kind: "cut node from coordinators", after: [0, 0.1], lasts: [2.5, 3.5] },
    { kind: "cut node from coordinators", after: [0, 0.2], lasts: [0.5, 0.95], victim: 1 },
  ],
  "heartbeats come again": [
    { kind: "duplicate heartbeats", after: [0, 0], lasts: [1.5, 1.5], severity: [0.6, 0.9], victim: 1 },
    { kind: "cut node from coordinators", after: [1.4, 1.5], lasts: [2.5, 3.5] },
    { kind: "cut node from coordinators", after: [1.4, 1.5], lasts: [2.5, 3.5], victim: 1 },
  ],
  "a node reboots while it is cut off": [
    { kind: "cut node from coordinators", after: [0, 0.1], lasts: [3, 5] },
    { kind: "power off", after: [0.05, 0.5], lasts: [0.05, 0.4] },
  ],
  "the guard loses its record": [
    { kind: "cut node", after: [0, 0.1], lasts: [3, 5] },
    { kind: "lose guard record", after: [0.1, 0.6], lasts: [0, 0] },
    { kind: "crash agent", after: [0.2, 0.9], lasts: [0, 0] },
  ],
  "an image comes late": [
    { kind: "slow registry", after: [0, 0], lasts: [3, 5] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 0.3], lasts: [0, 0], victim: 1 },
    { kind: "cut node", after: [0.2, 0.6], lasts: [1.4, 1.9] },
  ],
  "a start waits in the engine": [
    { kind: "stop engine", on: "start", after: [0, 0], lasts: [3, 4.5] },
    { kind: "cut node", on: "start", after: [0, 0], lasts: [1.4, 2] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 0.3], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "restart", after: [0, 0.3], lasts: [0, 0], victim: 2 },
  ],
  "an agent dies with a start in the engine": [
    { kind: "slow engine", after: [0, 0], lasts: [1, 3] },
    { kind: "crash agent", on: "start", after: [0, 0], lasts: [0, 0] },
    { kind: "wish", wish: "create", after: [0, 0.2], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 0.2], lasts: [0, 0] },
    { kind: "crash container", after: [0, 0.2], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "migrate", after: [0.2, 1], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "stop", after: [0.2, 1], lasts: [0, 0] },
    { kind: "wish", wish: "start", after: [0.4, 1.5], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0.4, 1.5], lasts: [0, 0] },
  ],
  "an agent dies with a restart in the engine": [
    { kind: "crash coordinators", after: [0, 0], lasts: [0.5, 0.9] },
    { kind: "crash container", after: [0.05, 0.1], lasts: [0, 0] },
    { kind: "crash container", after: [0.05, 0.1], lasts: [0, 0], victim: 1 },
    { kind: "slow engine", after: [0.15, 0.2], lasts: [1, 3], severity: [0.6, 1] },
    { kind: "crash agent", on: "start", after: [0.15, 0.2], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0.8, 1.6], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0.8, 1.6], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "stop", after: [0.8, 1.6], lasts: [0, 0] },
    { kind: "wish", wish: "start", after: [1.2, 2], lasts: [0, 0] },
  ],
  "commands overtake each other": [
    { kind: "late commands", after: [0, 0], lasts: [4, 8] },
    { kind: "late commands", after: [0, 0], lasts: [4, 8], victim: 1 },
    { kind: "wish", wish: "restart", after: [0, 1], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 2], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 1], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "stop", after: [0, 2], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "start", after: [1, 3], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "migrate", after: [1, 4], lasts: [0, 0], victim: 1 },
  ],
  "a goodbye waits on an old connection": [
    { kind: "leave", after: [0, 0], lasts: [0, 0.1] },
    { kind: "cut node from coordinators", on: "goodbye", after: [0, 0], lasts: [1.5, 3.5] },
    { kind: "wish", wish: "create", after: [2.5, 4], lasts: [0, 0] },
    { kind: "wish", wish: "create", after: [3, 5], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [2.5, 5], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [2.5, 5], lasts: [0, 0], victim: 1 },
  ],
  "an agent is back before its goodbye has arrived": [
    { kind: "leave", after: [0, 0], lasts: [0, 0.1] },
    { kind: "cut node from coordinators", on: "goodbye", after: [0, 0], lasts: [0.3, 0.8] },
  ],
  "the leader on an island with a node": [{ kind: "island", after: [0, 0.2], lasts: [4, 8] }],
} as const satisfies Readonly<Record<string, readonly Act[]>>;
