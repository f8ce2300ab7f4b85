import { appendFileSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { FAILPOINT_VARIABLE, type Failpoint, Failpoints, type Moment, parseFailpoint } from "./failpoints.ts";

/** Says that every point that is reached is to be written down. */
export const RECORDING = "record";
/** The file that arms, and those that tell. */
export const FOLDER_FILES = { armed: "armed", reached: "reached", hit: "hit" } as const;

/** How this process ends or stands still. */
export type Hands = { readonly kill: () => void; readonly stop: () => void };

/**
 * Failpoints as the environment asks for them; null when it does not. The variable holds a failpoint, which is armed from the
 * beginning, or "@FOLDER": then the folder's file `armed` holds one, for whichever process that looks there reaches it first
 * and renames the file to `hit`, so that the next start finds it disarmed; or it holds "record", and every point that is
 * reached is added to `reached` as a line "SITE:MOMENT". Throws on a failpoint that does not exist.
 */
export function failpointsAskedFor(
  env: NodeJS.ProcessEnv,
  sites: ReadonlySet<string>,
  hands: Hands,
): Failpoints | null {
  const asked = env[FAILPOINT_VARIABLE] ?? "";
  if (asked === "") return null;
  if (asked.startsWith("@")) return new Failpoints(folderReach(asked.slice(1), sites, hands));
  const armed = countdown(parseFailpoint(asked, sites));
  return new Failpoints((site, moment) => {
    if (armed.isDue(site, moment)) hands[armed.action]();
  });
}

function folderReach(folder: string, sites: ReadonlySet<string>, hands: Hands): (site: string, moment: Moment) => void {
  const path = join(folder, FOLDER_FILES.armed);
  let text = "";
  let armed: ReturnType<typeof countdown> | null = null;
  return (site, moment) => {
    const now = readOrNothing(path);
    if (now === RECORDING && sites.has(site)) appendFileSync(join(folder, FOLDER_FILES.reached), `${site}:${moment}\n`);
    if (now !== text) {
      text = now;
      // What is armed may be a point of another program that looks into the same folder.
      armed =
        now === "" || now === RECORDING || !sites.has(now.split(":", 1)[0] ?? "")
          ? null
          : countdown(parseFailpoint(now, sites));
    }
    if (armed?.isDue(site, moment) !== true || !claim(path, join(folder, FOLDER_FILES.hit))) return;
    hands[armed.action]();
  };
}

function countdown({ site, moment, action, nth }: Failpoint) {
  let left = nth;
  return {
    action,
    isDue(reached: string, at: Moment): boolean {
      if (reached !== site || at !== moment) return false;
      left -= 1;
      return left === 0;
    },
  };
}

/** Only one of several processes can rename a file. */
function claim(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return ""; // Nothing is armed.
  }
}
