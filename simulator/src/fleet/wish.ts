/** What a person may wish of a container that is there. */
const CONTAINER_WISHES = [
  "start",
  "start again",
  "stop",
  "kill",
  "restart",
  "migrate",
  "migrate to",
  "cancel migration",
  "change type",
  "delete",
] as const;
export type ContainerWish = (typeof CONTAINER_WISHES)[number];

/** What a person may wish for. */
export const WISHES = [
  "create",
  ...CONTAINER_WISHES,
  "cordon",
  "uncordon",
  "drain",
  "maintain",
  "end maintenance",
  "acknowledge alert",
  "change limits",
  "change N+1",
  "switch automatic migration",
  "switch survival",
  "override",
] as const;
export type Wish = (typeof WISHES)[number];
