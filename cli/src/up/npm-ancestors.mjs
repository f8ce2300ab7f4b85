// Plain JavaScript without dependencies: the bootstrap runs it on the system's Node, the supervisor on the pinned one.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const ancestorsMax = 8;
const packageManager = /(^|[/\s])(npm|npx|pnpm|yarn)(-cli\.js)?(\s|$)/;

/**
 * One running process, or null when there is none. The start time tells it from a later one with the same pid.
 * @param {number} pid
 * @returns {{ pid: number, parentPid: number, startTime: string, commandLine: string } | null}
 */
export function readProcess(pid) {
  return process.platform === "linux" ? readFromProc(pid) : readFromPs(pid);
}

function readFromProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command's name may contain spaces and parentheses: fields are counted from the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
    return { pid, parentPid: Number(fields[1]), startTime: fields[19], commandLine };
  } catch {
    return null; // No such process: that is the answer.
  }
}

function readFromPs(pid) {
  try {
    const format = ["-o", "ppid=", "-o", "lstart=", "-o", "stat=", "-o", "args="];
    const line = execFileSync("ps", [...format, "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const parts = line.trim().split(/\s+/);
    if (parts.length < 7 || parts[6].startsWith("Z")) return null;
    return {
      pid,
      parentPid: Number(parts[0]),
      startTime: parts.slice(1, 6).join(" "),
      commandLine: parts.slice(7).join(" "),
    };
  } catch {
    return null; // ps says by its exit code that there is no such process.
  }
}

/**
 * The processes from the parent of `pid` up to and with the package manager that started it; empty when none did.
 * @param {number} pid
 * @returns {{ pid: number, startTime: string }[]}
 */
export function npmAncestors(pid) {
  const chain = [];
  let current = readProcess(pid);
  while (current !== null && current.parentPid > 1 && chain.length < ancestorsMax) {
    current = readProcess(current.parentPid);
    if (current === null) return [];
    chain.push({ pid: current.pid, startTime: current.startTime });
    if (packageManager.test(current.commandLine)) return chain;
  }
  return [];
}

/**
 * True while exactly that process runs.
 * @param {{ pid: number, startTime: string }} watched
 */
export function stillRuns(watched) {
  const found = readProcess(watched.pid);
  return found !== null && found.startTime === watched.startTime;
}

/**
 * `pid@start time`, comma-separated: how the list travels in LORMAS_ANCESTORS.
 * @param {{ pid: number, startTime: string }[]} list
 */
export function formatAncestors(list) {
  return list.map((entry) => `${entry.pid}@${entry.startTime}`).join(",");
}

/**
 * Reads what formatAncestors wrote; throws on anything else.
 * @param {string} text
 * @returns {{ pid: number, startTime: string }[]}
 */
export function parseAncestors(text) {
  if (text === "") return [];
  return text.split(",").map((entry) => {
    const match = /^(\d+)@(.+)$/.exec(entry);
    if (match === null) throw new Error(`LORMAS_ANCESTORS: ${JSON.stringify(entry)} is not pid@start`);
    return { pid: Number(match[1]), startTime: match[2] };
  });
}
