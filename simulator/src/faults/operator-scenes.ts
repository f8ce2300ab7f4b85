import type { Act } from "./scene.ts";

/** What people do at the worst of moments. */
export const OPERATOR_SCENES = {
  "a migration is taken back": [
    { kind: "slow engine", after: [0, 0.2], lasts: [1, 4] },
    { kind: "wish", wish: "migrate", after: [0, 0.3], lasts: [0, 0] },
    { kind: "wish", wish: "migrate to", after: [0, 0.3], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "cancel migration", after: [0.05, 1.5], lasts: [0, 0] },
    { kind: "wish", wish: "cancel migration", after: [0.05, 3], lasts: [0, 0], victim: 1 },
    { kind: "crash leader", after: [0.1, 2], lasts: [0.1, 1] },
    { kind: "cut node", after: [0.1, 2], lasts: [0.5, 3] },
  ],
  "a failover is taken back": [
    { kind: "power off", after: [0, 0.2], lasts: [1.5, 5] },
    { kind: "slow engine", after: [0, 0.5], lasts: [2, 4], victim: 1 },
    { kind: "wish", wish: "cancel migration", after: [1.3, 2.5], lasts: [0, 0] },
    { kind: "wish", wish: "cancel migration", after: [1.3, 3], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "start again", after: [1.5, 4], lasts: [0, 0], victim: 2 },
  ],
  "people contradict themselves": [
    { kind: "slow engine", after: [0, 0.3], lasts: [0.5, 3] },
    { kind: "wish", wish: "migrate", after: [0, 0.2], lasts: [0, 0] },
    { kind: "wish", wish: "stop", after: [0, 1], lasts: [0, 0] },
    { kind: "wish", wish: "start", after: [0, 1], lasts: [0, 0] },
    { kind: "wish", wish: "cancel migration", after: [0, 1], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 1], lasts: [0, 0] },
    { kind: "wish", wish: "delete", after: [0.2, 2], lasts: [0, 0] },
    { kind: "crash agent", after: [0, 1.5], lasts: [0, 0] },
  ],
  "a container changes its type between two copies": [
    { kind: "wish", wish: "stop", after: [0, 1.5], lasts: [0, 0] },
    { kind: "cut node", after: [0, 1.5], lasts: [1, 8] },
    { kind: "wish", wish: "change type", after: [0.5, 4], lasts: [0, 0] },
    { kind: "wish", wish: "change type", after: [2, 6], lasts: [0, 0] },
    { kind: "wish", wish: "start", after: [2, 6], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [4, 8], lasts: [0, 0] },
    { kind: "crash leader", after: [0.1, 5], lasts: [0.1, 1] },
  ],
  "most hosts lose power, and a person gives his word": [
    { kind: "power off", after: [0, 0.3], lasts: [3, 7] },
    { kind: "power off", after: [0, 0.3], lasts: [3, 7], victim: 1 },
    { kind: "power off", after: [0, 0.3], lasts: [3, 7], victim: 2 },
    { kind: "cut node from coordinators", after: [0, 2], lasts: [1, 4], victim: 3 },
    { kind: "wish", wish: "override", after: [1.4, 3], lasts: [0, 0] },
    { kind: "wish", wish: "override", after: [2.5, 5], lasts: [0, 0] },
    { kind: "crash leader", after: [1.5, 5], lasts: [0.1, 1] },
  ],
  "migration by itself is switched off while a node dies": [
    { kind: "wish", wish: "switch automatic migration", after: [0, 2], lasts: [0, 0] },
    { kind: "power off", after: [0, 2], lasts: [2, 6] },
    { kind: "wish", wish: "change limits", after: [0, 3], lasts: [0, 0] },
    { kind: "wish", wish: "switch automatic migration", after: [2, 5], lasts: [0, 0] },
  ],
} as const satisfies Readonly<Record<string, readonly Act[]>>;
