// Has one module work on one input for the process that has started this one, and ends. The work is a thread's, so that this process
// hears when its time is up or the other one is gone; it loads nothing of the module itself.
import { Worker } from "node:worker_threads";

const [module = "", msMax] = process.argv.slice(2);

/** Not exit(): that would wait for the thread, which may be beyond hearing. */
const end = (): void => {
  process.kill(process.pid, "SIGKILL");
};

setTimeout(end, Number(msMax));
process.once("disconnect", end);
process.once("message", (input) => {
  const thread = new Worker(module, { workerData: input });
  thread.once("message", (answer: object) => process.send?.(answer));
  thread.once("error", end);
});
