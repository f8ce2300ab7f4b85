import type { Act } from "./scene.ts";

/** A node lives by votes, or nearly, while the leader gathers the proof of its death: who proves and who votes must not be one. */
export const PROOF_SCENES = {
  "a voter leaves unheard while it is asked": [
    { kind: "cut node from coordinators", after: [0, 0], lasts: [1.5, 2] },
    { kind: "leave", after: [0.78, 0.92], lasts: [1, 1.5], victim: 1 },
    { kind: "cut node from coordinators", on: "goodbye", after: [0.78, 0.78], lasts: [0.5, 0.9], victim: 1 },
  ],
  "a voter leaves while it is asked": [
    { kind: "cut node from coordinators", after: [0, 0], lasts: [1.5, 2] },
    { kind: "leave", after: [0.78, 0.92], lasts: [1, 1.5], victim: 1 },
  ],
  "a voter restarts in reach while it is asked": [
    { kind: "cut node from coordinators", after: [0, 0], lasts: [1.5, 2] },
    { kind: "crash agent", after: [0.6, 0.93], lasts: [0, 0], victim: 1 },
  ],
  "a heartbeat comes a moment too late": [
    { kind: "cut node from coordinators", after: [0, 0.05], lasts: [2, 3] },
    { kind: "cut node from coordinators", after: [0.35, 0.5], lasts: [0.4, 0.6], victim: 1 },
  ],
  "two nodes that hear each other alone are started anew": [
    { kind: "cut node from coordinators", after: [0, 0], lasts: [2, 3] },
    { kind: "cut node from coordinators", after: [0, 0], lasts: [2, 3], victim: 1 },
    { kind: "crash agent", after: [0.05, 0.2], lasts: [0, 0] },
    { kind: "crash agent", after: [0.05, 0.2], lasts: [0, 0], victim: 1 },
  ],
  "a node is away for long": [{ kind: "power off", after: [0, 0], lasts: [3, 4] }],
  "five nodes see each other and their peers": [
    { kind: "cut node from coordinators", after: [0, 0.1], lasts: [1.8, 2.5] },
    { kind: "cut node from coordinators", after: [0, 0.1], lasts: [1.8, 2.5], victim: 1 },
    { kind: "cut node from coordinators", after: [0, 0.1], lasts: [1.8, 2.5], victim: 2 },
    { kind: "cut node from coordinators", after: [0, 0.1], lasts: [1.8, 2.5], victim: 3 },
    { kind: "cut node from coordinators", after: [0, 0.1], lasts: [1.8, 2.5], victim: 4 },
  ],
  "a guard is started anew over a frozen start": [
    { kind: "stop engine", on: "start", after: [0, 0], lasts: [2.4, 3] },
    { kind: "cut node", on: "start", after: [0, 0], lasts: [4, 5] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 0.3], lasts: [0, 0], victim: 1 },
    { kind: "crash guard", after: [2.4, 3.2], lasts: [0, 0] },
    { kind: "crash guard", after: [2.4, 3.2], lasts: [0, 0] },
    { kind: "crash guard", after: [2.4, 3.2], lasts: [0, 0] },
  ],
  "a node forgets what it has closed": [
    { kind: "slow disk", after: [0, 0], lasts: [3, 4], severity: [0.6, 1] },
    { kind: "repeat commands", after: [0, 0], lasts: [4, 7], severity: [0.8, 1] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0.2, 0.8], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0.2, 0.8], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "migrate", after: [0.2, 0.8], lasts: [0, 0], victim: 2 },
    { kind: "crash agent", after: [0.4, 1.2], lasts: [0, 0] },
  ],
  "a leader hears late from its database and is then on an island": [
    { kind: "cut coordinator from database", after: [0, 0], lasts: [0, 0], plusMs: 2_000, severity: [0.6, 1] },
    { kind: "island", after: [2.5, 2.8], lasts: [2, 6], plusMs: 12_000 },
  ],
  "the leader is long on an island with a node": [{ kind: "island", after: [0, 0.2], lasts: [2, 6], plusMs: 20_000 }],
  "a voter joins while two are deaf": [
    { kind: "power off", after: [0, 0], lasts: [2, 2.2], victim: 2 },
    { kind: "deafen node", on: "epoch", after: [1.9, 1.9], lasts: [4, 5] },
    { kind: "deafen node", on: "epoch", after: [1.9, 1.9], lasts: [4, 5], victim: 1 },
  ],
  "answers of the database are lost while nodes die": [
    { kind: "lose answers", after: [0, 0], lasts: [6, 8], severity: [0.6, 1] },
    { kind: "power off", after: [0.5, 1], lasts: [2, 4] },
    { kind: "wish", wish: "create", after: [0, 2], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 2], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 2], lasts: [0, 0], victim: 1 },
    { kind: "crash leader", after: [4, 7], lasts: [0.1, 1] },
  ],
  "a policy changes on a slow disk": [
    { kind: "slow disk", after: [0, 0], lasts: [3, 5], severity: [0.8, 1] },
    { kind: "change policy", after: [0.1, 0.2], lasts: [0, 0] },
    { kind: "change policy", after: [4, 5], lasts: [0, 0], victim: 1 },
  ],
  "a node is cut off and a voter soon after": [
    { kind: "cut node from coordinators", after: [0, 0], lasts: [1.5, 2] },
    { kind: "cut node from coordinators", after: [0.25, 0.45], lasts: [1, 1.5], victim: 1 },
  ],
  "a leader falls after a voter has joined and two were cut off": [
    { kind: "power off", after: [0, 0], lasts: [2, 2.2], victim: 2 },
    { kind: "cut node from coordinators", on: "epoch", after: [1.9, 1.9], lasts: [6, 7] },
    { kind: "cut node from coordinators", on: "epoch", after: [1.9, 1.9], lasts: [6, 7], victim: 1 },
    { kind: "crash leader", after: [4, 4.6], lasts: [0.2, 0.6] },
  ],
  "a node is cut off while its guard is stopped": [
    { kind: "pause guard", after: [0, 0.3], lasts: [2.5, 3] },
    { kind: "cut node", after: [0.1, 0.3], lasts: [1.6, 2] },
  ],
  "a node is cut off while its agent is stopped": [
    { kind: "pause agent", after: [0.1, 0.5], lasts: [2.5, 3] },
    { kind: "cut node", after: [0, 0.3], lasts: [1.6, 2] },
  ],
} as const satisfies Readonly<Record<string, readonly Act[]>>;
