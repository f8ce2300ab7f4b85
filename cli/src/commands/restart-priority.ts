import { RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";

/** Restart priorities by the words that options take. */
export const priorities = {
  low: RestartPriority.LOW,
  normal: RestartPriority.NORMAL,
  high: RestartPriority.HIGH,
  critical: RestartPriority.CRITICAL,
};

export type PriorityName = keyof typeof priorities;
