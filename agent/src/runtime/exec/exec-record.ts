import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeDurably } from "../../journal/durable-file.ts";

const RECORD = z.object({
  containerId: z.uuid(),
  containerName: z.string(),
  epoch: z.string().regex(/^\d+$/),
  session: z.string().regex(/^\d+$/),
  ha: z.boolean(),
  /** Names the boot in which it ran: pids of another boot mean nothing. */
  bootId: z.string(),
  pid: z.int().positive(),
  startTicks: z.string(),
  startedMs: z.number(),
  cgroups: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  /** Where its output begins in the files; absent in what earlier agents started: at their beginning. */
  logsBegan: z.object({ stdout: z.number(), stderr: z.number() }).optional(),
  exit: z.object({ code: z.int().nullable(), detail: z.string() }).nullable(),
});

/** One process that the exec runtime started, kept in its folder so that a later agent finds it. */
export type ExecRecord = z.infer<typeof RECORD>;

const FILE = "container.json";

/** Reads a container's record; null when there is none. Throws when it is damaged. */
export async function readExecRecord(folder: string): Promise<ExecRecord | null> {
  let text: string;
  try {
    text = await readFile(join(folder, FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  return RECORD.parse(JSON.parse(text));
}

export function writeExecRecord(folder: string, record: ExecRecord): Promise<void> {
  return writeDurably(join(folder, FILE), `${JSON.stringify(record)}\n`);
}

export function removeExecRecord(folder: string): Promise<void> {
  return rm(join(folder, FILE), { force: true });
}
