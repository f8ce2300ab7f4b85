/** What people ask of a container. */
export const JOB_KINDS = [
  "create",
  "start",
  "stop",
  "kill",
  "restart",
  "suspend",
  "unsuspend",
  "update",
  "reinstall",
  "migrate",
  "cancel_migration",
  "delete",
] as const;
export type JobKind = (typeof JOB_KINDS)[number];
