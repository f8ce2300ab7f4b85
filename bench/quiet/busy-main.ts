// One core kept busy for as long as the parent lives: node busy-main.ts, with an IPC channel.
const SLICE_MS = 200;

process.on("disconnect", () => process.exit(0));

function work(): void {
  const untilMs = performance.now() + SLICE_MS;
  while (performance.now() < untilMs) Math.hypot(untilMs, SLICE_MS);
  // Only to hear of the parent's end.
  setImmediate(work);
}
work();
