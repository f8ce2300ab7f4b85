// Keeps the clocks of a lab going: node drive-clocks-main.ts FOLDER… writes into each folder, a hundred times a second, what
// its setting says. A step of 10 ms is what /proc/uptime has as well.
import { openSync, writeSync } from "node:fs";
import { bootClock } from "@lormas/agent/clock/clock.ts";
import { HostClock, shownAt, uptimeText } from "./host-clock.ts";

const STEP_MS = 10;
const machine = bootClock();
const clocks = process.argv.slice(2).map((folder) => {
  const clock = new HostClock(folder, () => machine.nowMs());
  return { clock, file: openSync(clock.file, "r+") };
});
setInterval(() => {
  for (const { clock, file } of clocks) writeSync(file, uptimeText(shownAt(clock.setting, machine.nowMs())), 0);
}, STEP_MS);
