import Docker from "dockerode";
import type { Timers } from "../../clock/clock.ts";
import type { CgroupDriver } from "../../process/node-cgroups.ts";

const ANSWER_MS = 3_000;

/** Asks whether an engine answers on a socket, and how it makes cgroups; null when none answers in time. */
export async function askEngine(socketPath: string, timers: Timers): Promise<{ cgroupDriver: CgroupDriver } | null> {
  const giveUp = new AbortController();
  const late = timers.sleep(ANSWER_MS, giveUp.signal).then(() => null);
  const info = new Docker({ socketPath }).info().catch(() => null) as Promise<{ CgroupDriver?: string } | null>;
  const answer = await Promise.race([info, late]);
  giveUp.abort();
  return answer && { cgroupDriver: answer.CgroupDriver === "systemd" ? "systemd" : "cgroupfs" };
}
