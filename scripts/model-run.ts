import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelQuestion } from "./model-questions.ts";

/** What bounds one run of the checker. */
export type ModelBounds = { readonly secondsMax: number; readonly megabytesMax: number; readonly depthMax: number };

export type ModelAnswer = {
  readonly outcome: "holds" | "fails" | "unknown";
  readonly states: number;
  readonly seconds: number;
  /** What was printed where the outcome is unknown. */
  readonly output: string;
};

/** A tool that is missing is an answer of its own: the caller says how to get it. */
export class ToolMissing extends Error {
  readonly tool: string;
  constructor(tool: string) {
    super(`${tool} is not installed`);
    this.name = "ToolMissing";
    this.tool = tool;
  }
}

/** Runs one program in a folder; ended by SIGKILL after `secondsMax`. Stdout and stderr are kept, in one text. */
function command(folder: string, secondsMax: number, file: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: secondsMax * 1_000,
      killSignal: "SIGKILL",
    });
    let output = "";
    const take = (chunk: Buffer): void => {
      if (output.length < 200_000) output += chunk.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ENOENT" ? new ToolMissing(file) : error);
    });
    child.on("close", (_code, signal) => {
      resolve(signal ? `${output}\n${file} was ended by ${signal}; its bound is ${secondsMax} s\n` : output);
    });
  });
}

/**
 * Reads what the checker printed. "holds" only when it looked at every state; "fails" only for a broken assertion: any other
 * error (a deadlock, a blocked step, too deep a search, no memory) is an answer to another question, hence unknown.
 */
export function answerIn(output: string): ModelAnswer {
  const number = (pattern: RegExp): number | null => {
    const found = pattern.exec(output)?.[1];
    return found === undefined ? null : Number(found);
  };
  const errors = number(/errors: (\d+)/);
  const states = number(/([\d.e+]+) states, stored/);
  const seconds = number(/elapsed time ([\d.e+-]+) seconds/);
  const complete = !/Search not completed|max search depth|out of memory|was ended by/.test(output);
  const broken = /assertion violated/.test(output);
  const outcome = errors === 0 && complete ? "holds" : errors !== null && errors > 0 && broken ? "fails" : "unknown";
  return { outcome, states: states ?? 0, seconds: seconds ?? 0, output };
}

/** Generates, compiles and runs the checker for one question, in a folder of its own beneath `scratch`. */
export async function answer(
  question: ModelQuestion,
  modelPath: string,
  scratch: string,
  bounds: ModelBounds,
): Promise<ModelAnswer> {
  const folder = join(scratch, [question.model, ...question.defines].join("-").replaceAll(/[^\w-]/g, "_"));
  await mkdir(folder, { recursive: true });
  const switches = question.defines.map((define) => `-D${define}`);
  const generated = await command(folder, bounds.secondsMax, "spin", ...switches, "-a", modelPath);
  const source = await readFile(join(folder, "pan.c"), "utf8").catch(() => null);
  if (source === null) return { outcome: "unknown", states: 0, seconds: 0, output: generated };
  const flags = ["-O2", "-w", "-DSAFETY", "-DNOREDUCE", `-DMEMLIM=${bounds.megabytesMax}`];
  const compiled = await command(folder, bounds.secondsMax, "gcc", ...flags, "-o", "pan", "pan.c");
  const checked = await command(folder, bounds.secondsMax, join(folder, "pan"), `-m${bounds.depthMax}`, "-w22").catch(
    (error: unknown) => `${compiled}\n${String(error)}`,
  );
  return answerIn(checked);
}
