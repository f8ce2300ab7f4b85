import { type Logger, pino } from "pino";
import { systemTimers, type Timers, wallClock } from "../clock/clock.ts";
import { enrolCall } from "./coordinator-client.ts";
import { CredentialFiles, type Credentials } from "./credentials.ts";
import { enrol } from "./enrolment.ts";
import type { TestCoordinator } from "./test-coordinator.ts";

/** Enrols "node-1" with a test's coordinator, by its own token and address unless others are given. */
export function enrolHere(
  coordinator: TestCoordinator,
  dataDir: string,
  token = coordinator.joinToken,
  coordinatorFor: (attempt: number) => string = () => coordinator.address,
  { timers = systemTimers, log = pino({ level: "silent" }) }: { readonly timers?: Timers; readonly log?: Logger } = {},
): Promise<Credentials> {
  return enrol({
    store: new CredentialFiles(dataDir),
    ask: enrolCall,
    coordinatorFor,
    name: "node-1",
    token,
    timers,
    wall: wallClock,
    random: () => 0, // It dials again at once.
    log,
    signal: new AbortController().signal,
  });
}
