import { statSync } from "node:fs";
import { isAbsolute } from "node:path";

const WRITABLE_BY_OTHERS = 0o022;
const EXECUTABLE = 0o111;

/**
 * What is wrong with a file that is to be run as the fence hook, or null. Whoever may change it could make Lormas believe that a
 * host is off, so only root and the coordinator's own user may.
 */
export function hookFileProblem(path: string): string | null {
  if (!isAbsolute(path)) return "is no absolute path";
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(path);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : String(thrown);
    return code === "ENOENT" ? "does not exist" : `cannot be looked at (${code})`;
  }
  if (!found.isFile()) return "is no regular file";
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0) return "may be changed by its group or by everybody";
  const user = process.geteuid?.();
  if (user !== undefined && found.uid !== 0 && found.uid !== user) {
    return `belongs to user ${found.uid}, neither to root nor to the coordinator's own user ${user}`;
  }
  if ((found.mode & EXECUTABLE) === 0) return "is not executable";
  return null;
}
