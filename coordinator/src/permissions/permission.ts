/** Everything that can be permitted, as "resource:verb", with what it lets somebody do. A resource may have parts. */
export const PERMISSIONS = {
  "alert:acknowledge": "take alerts on",
  "alert:view": "see alerts",
  "audit:view": "read and export the audit trail",
  "authority:rotate": "replace the fleet's certificate authority",
  "authority:view": "see the certificate authority, and how far its rotation has come",
  "cluster:create": "make clusters",
  "cluster:delete": "remove clusters without nodes",
  "cluster:override": "declare silent nodes dead on one's word",
  "cluster:update": "change clusters: heartbeat policy, limits, placement",
  "cluster:view": "see clusters and heartbeat profiles",
  "container:console:send": "write to the standard input of containers",
  "container:create": "create standard containers",
  "container:delete": "remove containers with their volumes",
  "container:ha:create": "create HA containers, together with container:create",
  "container:kill": "end containers at once, without the grace of a stop",
  "container:logs:view": "read what containers print",
  "container:reinstall": "run the install scripts of stopped containers again",
  "container:restart": "stop and start containers on their node",
  "container:start": "start containers",
  "container:stop": "stop containers",
  "container:update": "change containers: type, resources, environment, cluster, priority",
  "container:view": "see containers",
  "egg:delete": "remove eggs that nobody uses",
  "egg:export": "write eggs out for other panels",
  "egg:import": "bring eggs in, make, change and replace them",
  // Not of "container:…": whoever holds "container:*" for one container is whom its egg keeps these from.
  "egg:variable:override": "set variables that eggs keep from users, and see the defaults that they hide",
  "egg:view": "see eggs",
  "event:view": "see events, and watch the fleet",
  "job:view": "see what was asked of containers, and how it ended",
  "migration:manage": "migrate containers by hand, and cancel migrations",
  "migration:view": "see migrations",
  "node:approve": "let nodes in that await approval, or turn them away",
  "node:duty:manage": "cordon, drain and maintain nodes",
  "node:enrol": "make join tokens",
  "node:health:view": "see the fleet's health",
  "node:remove": "take dead nodes out of the fleet",
  "node:revoke": "shut nodes out for good",
  "node:update": "change nodes: priority, labels, name, cluster",
  "node:view": "see nodes, and what their deaths would mean",
  "quota:manage": "see, set and remove what people and clusters may have",
  "registry:manage": "see, set, test and remove logins for registries of images",
  "role:manage": "make, change and remove roles of one's own",
  // Not of "container:…": whoever holds "container:*" could lift what was done to his own.
  "suspension:manage": "suspend containers, and lift suspensions",
  "token:manage": "make, list and revoke API tokens of everybody",
  "user:manage": "make, change and remove accounts, and end their sessions",
} as const satisfies Readonly<Record<string, string>>;

export type Permission = keyof typeof PERMISSIONS;

/** A permission, or "*" for all, or "container:*" for all that begin so. */
export type PermissionPattern = Permission | "*" | `${string}:*`;

/** Whether what was granted permits what is asked for; of a pattern: also what will begin so in later versions. */
export function covers(granted: PermissionPattern, asked: PermissionPattern): boolean {
  if (granted === "*" || granted === asked) return true;
  return granted.endsWith(":*") && asked.startsWith(granted.slice(0, -1));
}

export function isPermission(text: string): text is Permission {
  return Object.hasOwn(PERMISSIONS, text);
}
