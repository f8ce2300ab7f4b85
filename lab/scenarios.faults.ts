import { expect, test } from "vitest";
import { agentAndGuardKilled } from "./scenarios/agent-and-guard-killed/scenario.ts";
import { agentKilled } from "./scenarios/agent-killed/scenario.ts";
import { agentStopped } from "./scenarios/agent-stopped/scenario.ts";
import { cableCut } from "./scenarios/cable-cut/scenario.ts";
import { clockSlow } from "./scenarios/clock-slow/scenario.ts";
import { clockStepped } from "./scenarios/clock-stepped/scenario.ts";
import { controlPlaneDead } from "./scenarios/control-plane-dead/scenario.ts";
import { coordinatorKilled } from "./scenarios/coordinator-killed/scenario.ts";
import { coordinatorStopped } from "./scenarios/coordinator-stopped/scenario.ts";
import { cutIn } from "./scenarios/cut-in/scenario.ts";
import { cutOut } from "./scenarios/cut-out/scenario.ts";
import { dockerdKilled } from "./scenarios/dockerd-killed/scenario.ts";
import { dockerdRestarted } from "./scenarios/dockerd-restarted/scenario.ts";
import { dockerdStopped } from "./scenarios/dockerd-stopped/scenario.ts";
import { fifty } from "./scenarios/fifty/scenario.ts";
import { flapping } from "./scenarios/flapping/scenario.ts";
import { guardKilled } from "./scenarios/guard-killed/scenario.ts";
import { hostFrozen } from "./scenarios/host-frozen/scenario.ts";
import { lossy } from "./scenarios/lossy/scenario.ts";
import { majorityLost } from "./scenarios/majority-lost/scenario.ts";
import { positiveControl } from "./scenarios/positive-control/scenario.ts";
import { postgresDiskFull } from "./scenarios/postgres-disk-full/scenario.ts";
import { postgresKilled } from "./scenarios/postgres-killed/scenario.ts";
import { postgresStopped } from "./scenarios/postgres-stopped/scenario.ts";
import { powerOff } from "./scenarios/power-off/scenario.ts";
import { reboot } from "./scenarios/reboot/scenario.ts";
import { rebootAfterFailover } from "./scenarios/reboot-after-failover/scenario.ts";
import { slow } from "./scenarios/slow/scenario.ts";
import { twoDeaths } from "./scenarios/two-deaths/scenario.ts";
import { play } from "./src/scenario/play.ts";
import type { Scenario } from "./src/scenario/scenario.ts";

/** Every scenario by its folder, the control experiment first: without it the others prove nothing. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "positive-control": positiveControl,
  "power-off": powerOff,
  "cable-cut": cableCut,
  "cut-in": cutIn,
  "cut-out": cutOut,
  "agent-killed": agentKilled,
  "agent-stopped": agentStopped,
  "guard-killed": guardKilled,
  "agent-and-guard-killed": agentAndGuardKilled,
  "dockerd-killed": dockerdKilled,
  "dockerd-stopped": dockerdStopped,
  "dockerd-restarted": dockerdRestarted,
  "coordinator-killed": coordinatorKilled,
  "coordinator-stopped": coordinatorStopped,
  "postgres-killed": postgresKilled,
  "postgres-stopped": postgresStopped,
  "postgres-disk-full": postgresDiskFull,
  reboot: reboot,
  "reboot-after-failover": rebootAfterFailover,
  "host-frozen": hostFrozen,
  "two-deaths": twoDeaths,
  "majority-lost": majorityLost,
  "control-plane-dead": controlPlaneDead,
  flapping: flapping,
  lossy: lossy,
  slow: slow,
  "clock-stepped": clockStepped,
  "clock-slow": clockSlow,
  fifty: fifty,
};

test.each(Object.entries(SCENARIOS))("%s", async (folder, scenario) => {
  const { log, figures } = await play(scenario);
  console.log(folder, JSON.stringify(figures));
  await expect(log).toMatchFileSnapshot(`scenarios/${folder}/expected.log`);
});
