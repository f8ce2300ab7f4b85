/** A process, told from a later one with the same pid by its start time. */
export interface ProcessMark {
  readonly pid: number;
  readonly startTime: string;
}

/** One running process, or null when there is none (a zombie counts as none). */
export function readProcess(
  pid: number,
): { pid: number; parentPid: number; startTime: string; commandLine: string } | null;
/** The processes from the parent of `pid` up to and with the package manager that started it; empty when none did. */
export function npmAncestors(pid: number): ProcessMark[];
/** True while exactly that process runs. */
export function stillRuns(watched: ProcessMark): boolean;
/** `pid@start time`, comma-separated: how the list travels in LORMAS_ANCESTORS. */
export function formatAncestors(list: readonly ProcessMark[]): string;
/** Reads what formatAncestors wrote; throws on anything else. */
export function parseAncestors(text: string): ProcessMark[];
