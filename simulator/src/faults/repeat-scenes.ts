import type { Act } from "./scene.ts";

/** What a command stream has carried comes once more, when something else holds by now. */
export const REPEAT_SCENES = {
  "commands and results come again": [
    { kind: "repeat commands", after: [0, 0], lasts: [3, 7], severity: [0.5, 1] },
    { kind: "repeat commands", after: [0, 0], lasts: [3, 7], severity: [0.5, 1], victim: 1 },
    { kind: "repeat commands", after: [0, 0], lasts: [3, 7], severity: [0.5, 1], victim: 2 },
    { kind: "wish", wish: "create", after: [0, 0.5], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 1], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 2], lasts: [0, 0], victim: 1 },
    { kind: "wish", wish: "stop", after: [0, 2], lasts: [0, 0], victim: 2 },
    { kind: "wish", wish: "start", after: [0.5, 3], lasts: [0, 0], victim: 2 },
    { kind: "reset connections", after: [0.2, 3], lasts: [0, 0] },
    { kind: "crash leader", after: [0.2, 3], lasts: [0.1, 1] },
  ],
  "a node's last words come again": [
    { kind: "repeat commands", after: [0, 0], lasts: [3, 7], severity: [0.6, 1] },
    { kind: "hold up commands", after: [0, 1], lasts: [0.5, 3] },
    { kind: "wish", wish: "create", after: [0, 0.3], lasts: [0, 0] },
    { kind: "leave", after: [0.1, 1], lasts: [0, 1] },
    { kind: "wish", wish: "migrate to", after: [1, 3], lasts: [0, 0] },
    { kind: "cut node", after: [1, 4], lasts: [0.5, 3] },
  ],
} as const satisfies Readonly<Record<string, readonly Act[]>>;
