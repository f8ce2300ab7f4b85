/** A page that the navigation leads to. */
export type Room = {
  readonly href: string;
  readonly label: string;
  /** What one needs to see anything there; empty: nothing but a session. */
  readonly permission: string;
};

/** What runs. */
export const FLEET_ROOMS: readonly Room[] = [
  { href: "/", label: "Overview", permission: "" },
  { href: "/nodes", label: "Nodes", permission: "" },
  { href: "/clusters", label: "Clusters", permission: "" },
  { href: "/containers", label: "Containers", permission: "" },
  { href: "/migrations", label: "Migrations", permission: "" },
  { href: "/alerts", label: "Alerts", permission: "" },
];

/** What it is made of, who may do what, and what was done. */
export const ADMINISTRATION_ROOMS: readonly Room[] = [
  { href: "/eggs", label: "Eggs", permission: "egg:view" },
  { href: "/jobs", label: "Jobs", permission: "job:view" },
  { href: "/people", label: "People", permission: "user:manage" },
  { href: "/roles", label: "Roles", permission: "" },
  { href: "/tokens", label: "API tokens", permission: "" },
  { href: "/audit", label: "Audit trail", permission: "audit:view" },
];

/** True when the path is the room's page, or one below it. */
export function isIn(room: string, path: string): boolean {
  return room === "/" ? path === "/" : path === room || path.startsWith(`${room}/`);
}
