import { api } from "./api/api.ts";
import { crash } from "./crash/crash.ts";
import { decisions } from "./decisions/decisions.ts";
import { evacuation } from "./evacuation/evacuation.ts";
import { failover } from "./failover/failover.ts";
import type { Section } from "./frame/section.ts";
import { guardMemory } from "./guard-memory/guard-memory.ts";
import { heartbeats } from "./heartbeats/heartbeats.ts";
import { labFailover } from "./lab-failover/lab-failover.ts";
import { permissions } from "./permissions/permissions.ts";
import { plannedMove } from "./planned-move/planned-move.ts";
import { quiet } from "./quiet/quiet.ts";
import { reads } from "./reads/reads.ts";
import { start } from "./start/start.ts";
import { storm } from "./storm/storm.ts";
import { whatIf } from "./what-if/what-if.ts";

/** Everything that the bench measures, in the order in which it does. */
export const SECTIONS: readonly Section[] = [
  failover,
  labFailover,
  evacuation,
  crash,
  plannedMove,
  quiet,
  heartbeats,
  storm,
  decisions,
  api,
  reads,
  start,
  guardMemory,
  permissions,
  whatIf,
];
