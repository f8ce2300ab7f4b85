import { agentKilled } from "./scenarios/agent-killed/scenario.ts";
import { clockSlow } from "./scenarios/clock-slow/scenario.ts";
import { clockStepped } from "./scenarios/clock-stepped/scenario.ts";
import { controlPlaneDead } from "./scenarios/control-plane-dead/scenario.ts";
import { coordinatorKilled } from "./scenarios/coordinator-killed/scenario.ts";
import { dockerdRestarted } from "./scenarios/dockerd-restarted/scenario.ts";
import { fifty } from "./scenarios/fifty/scenario.ts";
import { flapping } from "./scenarios/flapping/scenario.ts";
import { lossy } from "./scenarios/lossy/scenario.ts";
import { postgresDiskFull } from "./scenarios/postgres-disk-full/scenario.ts";
import { reboot } from "./scenarios/reboot/scenario.ts";
import { slow } from "./scenarios/slow/scenario.ts";
import { testScenarios } from "./src/scenario/scenario-tests.ts";

// What would make a run of the fault campaigns too long: by npm run test:faults -- lab-more
testScenarios({
  "agent-killed": agentKilled,
  "dockerd-restarted": dockerdRestarted,
  "coordinator-killed": coordinatorKilled,
  "postgres-disk-full": postgresDiskFull,
  reboot,
  "control-plane-dead": controlPlaneDead,
  flapping,
  lossy,
  slow,
  "clock-stepped": clockStepped,
  "clock-slow": clockSlow,
  fifty,
});
