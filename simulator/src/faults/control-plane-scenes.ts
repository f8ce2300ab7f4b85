import type { Act } from "./scene.ts";

/** Longer than any leader can go on without its database. */
const LEADERS_END_MS = 16_000;

/** The control plane is away for longer than two leases, alone or with a node: what sees a majority must live through it. */
export const CONTROL_PLANE_SCENES = {
  "the control plane alone is away for long": [
    { kind: "crash coordinators", after: [0, 0], lasts: [2.5, 6], severity: [0.8, 1] },
  ],
  "the database alone is away for long": [
    { kind: "freeze database", after: [0, 0], lasts: [2.2, 4], plusMs: LEADERS_END_MS },
  ],
  "the control plane is away for long, and a node with it": [
    { kind: "crash coordinators", after: [0, 0.5], lasts: [3, 6], severity: [0.9, 1] },
    { kind: "power off", after: [0, 1], lasts: [2.5, 6] },
  ],
  "the database is away for long, and a node is cut off": [
    { kind: "freeze database", after: [0, 0], lasts: [2.2, 4], plusMs: LEADERS_END_MS },
    { kind: "cut node", after: [0, 3], lasts: [2, 5], plusMs: LEADERS_END_MS },
  ],
  "agents and guards die while the control plane is away": [
    { kind: "cut coordinators", after: [0, 0], lasts: [3, 6] },
    { kind: "crash agent", after: [0.6, 2.5], lasts: [0, 0] },
    { kind: "crash guard", after: [0.6, 2.5], lasts: [0, 0], victim: 1 },
    { kind: "crash guard", after: [2, 4], lasts: [0, 0], victim: 2 },
  ],
} as const satisfies Readonly<Record<string, readonly Act[]>>;
