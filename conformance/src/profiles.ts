import type { Check } from "./check.ts";
import { COMMAND_CHECKS } from "./checks/command-checks.ts";
import { CONNECTION_CHECKS } from "./checks/connection-checks.ts";
import { ENROLMENT_CHECKS } from "./checks/enrolment-checks.ts";
import { HEARTBEAT_CHECKS } from "./checks/heartbeat-checks.ts";
import { LEASE_CHECKS } from "./checks/lease-checks.ts";
import { WORKLOAD_CHECKS } from "./checks/workload-checks.ts";
import type { Profile } from "./suite-arguments.ts";

/** The checks of each profile, in the order in which they are played. */
export const PROFILE_CHECKS: Readonly<Record<Profile, readonly Check[]>> = {
  core: [...ENROLMENT_CHECKS, ...HEARTBEAT_CHECKS, ...WORKLOAD_CHECKS, ...COMMAND_CHECKS, ...CONNECTION_CHECKS],
  ha: LEASE_CHECKS,
};
