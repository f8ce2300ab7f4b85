import { fork } from "node:child_process";
import { join } from "node:path";

/** What a piece of work may take. */
export type ApartBounds = { readonly msMax: number; readonly memoryMib: number };

/** `ended`: the work took more than it may, or aborted; `unstarted`: the operating system gave no process. */
export type ApartOutcome<Answer> =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "ended" }
  | { readonly kind: "unstarted"; readonly reason: string };

/**
 * Has a module work on what strangers wrote, in a process of its own, whose end is its own: it may take all memory, abort, or go
 * on for ever. The module (an absolute path) runs in a thread there, finds the input (what JSON can carry) in `workerData` and posts one
 * answer of the same kind. The process ends with the answer, at its bounds, or with this process. Never rejects.
 */
export function runApart<Answer>(module: string, input: unknown, bounds: ApartBounds): Promise<ApartOutcome<Answer>> {
  const cache = process.env["NODE_COMPILE_CACHE"];
  const child = fork(join(import.meta.dirname, "main.ts"), [module, String(bounds.msMax)], {
    execArgv: [`--max-old-space-size=${bounds.memoryMib}`],
    // Nothing of what this process knows, its secrets among it.
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: cache },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  return new Promise((resolve) => {
    let outcome: ApartOutcome<Answer> = { kind: "ended" };
    child.once("message", (message) => {
      // The module's own answer, which its caller names the type of.
      outcome = { kind: "answered", answer: message as Answer };
      if (child.connected) child.disconnect();
    });
    child.once("error", ({ message }) => {
      outcome = { kind: "unstarted", reason: message };
      if (child.pid === undefined) resolve(outcome);
    });
    child.once("exit", () => resolve(outcome));
    child.send(input as string | object, () => {});
  });
}
