import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EggDefinition } from "../../coordinator/src/eggs/egg-definition.ts";
import { writeEggs } from "../../coordinator/src/store/egg-rows.ts";
import { openDatabase } from "../../coordinator/src/store/open-database.ts";
import { silentLog } from "../../coordinator/src/store/store-log.ts";

/** A copy on a forbidden node fails. Any other writes when it starts and every 50 ms that it runs, on the machine's one boot clock. */
const STARTUP = [
  '[ -e "$RECORD/forbidden.$LORMAS_NODE" ] && exit 1',
  'f="$RECORD/$LORMAS_CONTAINER.$LORMAS_EPOCH.$LORMAS_NODE.$$"',
  "read -r up rest </proc/uptime",
  'echo "$up" >>"$f"',
  'while :; do read -r up rest </proc/uptime; echo "$up" >>"$f"; sleep 0.05; done',
].join("; ");

const egg: EggDefinition = {
  id: "beating",
  name: "Beating",
  description: "Writes down every moment in which it runs.",
  categoryId: "web",
  version: "1",
  image: "",
  startup: { exec: STARTUP },
  variables: [{ name: "RECORD", description: "A folder.", defaultValue: "/nowhere", required: true, pattern: "" }],
  ports: [],
  volumes: [],
  stop: { signal: "SIGTERM", graceMs: 2_000 },
  health: null,
  startBudgetMs: 1_000,
  defaultResources: { cpuMillis: 100, memoryBytes: 32 * 1024 ** 2, diskBytes: 0 },
};

/** Beats once its files are installed, which a node that runs plain processes cannot do: no copy of it ever starts. */
const installed: EggDefinition = {
  ...egg,
  id: "installed",
  name: "Installed",
  volumes: [{ name: "data", path: "/data", kind: "ephemeral" }],
  panel: {
    ...{ author: "", uuid: "", exportedAt: "", updateUrl: "", tags: [], features: [], fileDenylist: [] },
    ...{ startupCommands: [], configFiles: [], done: [], stop: "" },
    install: { script: "true", image: "installer", entrypoint: "sh" },
  },
};

/** One copy that ran: told by its own process, whatever anybody else believes. */
export type CopyRecord = {
  readonly container: string;
  readonly epoch: number;
  readonly node: string;
  readonly pid: number;
  /** Boot time in milliseconds of the first and the last sign of life. */
  readonly fromMs: number;
  readonly untilMs: number;
};

/** The ids of the eggs that offerBeatingEgg makes. */
export const BEATING = egg.id;
export const INSTALLED = installed.id;

/** Puts the eggs into a coordinator's database. */
export async function offerBeatingEgg(databaseUrl: string): Promise<void> {
  const database = await openDatabase({ url: databaseUrl, log: silentLog });
  try {
    await writeEggs(database, [], [egg, installed], { builtIn: false, updatedAt: new Date() });
  } finally {
    await database.close();
  }
}

/** The folder in which copies of beating containers write. */
export class CopyRecords {
  readonly folder: string;

  constructor(parent: string) {
    this.folder = join(parent, "copies");
    mkdirSync(this.folder, { recursive: true });
  }

  /** Lets every start on a node fail. */
  forbid(node: string): void {
    writeFileSync(join(this.folder, `forbidden.${node}`), "");
  }

  /** Lets starts on a node succeed again. */
  allow(node: string): void {
    rmSync(join(this.folder, `forbidden.${node}`), { force: true });
  }

  /** Every copy of a container that ever ran, in the order in which they began. */
  of(container: string): CopyRecord[] {
    const copies = readdirSync(this.folder).flatMap((file): CopyRecord[] => {
      const [name = "", epoch, node = "", pid] = file.split(".");
      if (name !== container) return [];
      const beats = readFileSync(join(this.folder, file), "utf8").split("\n").filter(Boolean).map(Number);
      if (beats.length === 0) return [];
      const [fromMs, untilMs] = [beats[0] ?? 0, beats.at(-1) ?? 0].map((seconds) => seconds * 1_000);
      return [{ container, epoch: Number(epoch), node, pid: Number(pid), fromMs: fromMs ?? 0, untilMs: untilMs ?? 0 }];
    });
    return copies.sort((a, b) => a.fromMs - b.fromMs);
  }
}

/** Pairs of copies that ran at one time. */
export function overlaps(copies: readonly CopyRecord[]): string[] {
  return copies.flatMap((copy, index) =>
    copies
      .slice(index + 1)
      .filter((other) => other.fromMs < copy.untilMs && copy.fromMs < other.untilMs)
      .map((other) => `epoch ${copy.epoch} on ${copy.node} and epoch ${other.epoch} on ${other.node}`),
  );
}
