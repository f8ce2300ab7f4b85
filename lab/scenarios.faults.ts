import { agentAndGuardKilled } from "./scenarios/agent-and-guard-killed/scenario.ts";
import { agentStopped } from "./scenarios/agent-stopped/scenario.ts";
import { cableCut } from "./scenarios/cable-cut/scenario.ts";
import { coordinatorStopped } from "./scenarios/coordinator-stopped/scenario.ts";
import { cutIn } from "./scenarios/cut-in/scenario.ts";
import { cutOut } from "./scenarios/cut-out/scenario.ts";
import { dockerdKilled } from "./scenarios/dockerd-killed/scenario.ts";
import { dockerdStopped } from "./scenarios/dockerd-stopped/scenario.ts";
import { guardKilled } from "./scenarios/guard-killed/scenario.ts";
import { hostFrozen } from "./scenarios/host-frozen/scenario.ts";
import { majorityLost } from "./scenarios/majority-lost/scenario.ts";
import { positiveControl } from "./scenarios/positive-control/scenario.ts";
import { postgresKilled } from "./scenarios/postgres-killed/scenario.ts";
import { postgresStopped } from "./scenarios/postgres-stopped/scenario.ts";
import { powerOff } from "./scenarios/power-off/scenario.ts";
import { rebootAfterFailover } from "./scenarios/reboot-after-failover/scenario.ts";
import { twoDeaths } from "./scenarios/two-deaths/scenario.ts";
import { testScenarios } from "./src/scenario/scenario-tests.ts";

// What every run of the fault campaigns plays, by folder; the control experiment first: without it the others prove nothing.
testScenarios({
  "positive-control": positiveControl,
  "power-off": powerOff,
  "cable-cut": cableCut,
  "cut-in": cutIn,
  "cut-out": cutOut,
  "agent-stopped": agentStopped,
  "guard-killed": guardKilled,
  "agent-and-guard-killed": agentAndGuardKilled,
  "dockerd-killed": dockerdKilled,
  "dockerd-stopped": dockerdStopped,
  "coordinator-stopped": coordinatorStopped,
  "postgres-killed": postgresKilled,
  "postgres-stopped": postgresStopped,
  "reboot-after-failover": rebootAfterFailover,
  "host-frozen": hostFrozen,
  "two-deaths": twoDeaths,
  "majority-lost": majorityLost,
});
