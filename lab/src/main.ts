import { LabRefusal, runLab } from "./lab-commands.ts";
import { labProblem, thisMachine } from "./lab-needs.ts";

// npm run lab: real hosts on one machine (docs/lab.md). Exit codes: 0 done, 1 it could not be done, 2 not on this machine or
// not understood; `sh` ends with that of its command.
const problem = labProblem(thisMachine());
if (problem !== null) {
  console.error(`lab: ${problem}`);
  process.exit(2);
}
const interrupted = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
});
try {
  process.exitCode = await runLab(process.argv.slice(2), console.log, waiting);
} catch (error) {
  if (!(error instanceof LabRefusal)) throw error;
  console.error(`lab: ${error.message}`);
  process.exitCode = 2;
}

async function waiting(): Promise<void> {
  // A promise alone keeps no process alive.
  const timer = setInterval(() => undefined, 60_000);
  await interrupted;
  clearInterval(timer);
}
