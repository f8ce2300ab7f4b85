import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a driven clock shows: at this moment of the machine's boot clock that time, and from then on so fast. */
export type ClockSetting = { readonly atMs: number; readonly showsMs: number; readonly rate: number };

const SETTING = "setting.json";
const UPTIME = "uptime";

/** The boot clock that agent and guard of one host see; the witness keeps the machine's. */
export class HostClock {
  readonly #folder: string;
  readonly #nowMs: () => number;

  constructor(folder: string, nowMs: () => number) {
    this.#folder = folder;
    this.#nowMs = nowMs;
  }

  /** Stands in for /proc/uptime. */
  get file(): string {
    return join(this.#folder, UPTIME);
  }

  /** Makes a clock that shows the machine's time. */
  make(): void {
    mkdirSync(this.#folder, { recursive: true });
    const nowMs = this.#nowMs();
    this.#write({ atMs: nowMs, showsMs: nowMs, rate: 1 });
    writeFileSync(this.file, uptimeText(nowMs));
  }

  get setting(): ClockSetting {
    // Written below.
    return JSON.parse(readFileSync(join(this.#folder, SETTING), "utf8")) as ClockSetting;
  }

  /** From now on it shows this many seconds a second, without a step. */
  setRate(rate: number): void {
    const nowMs = this.#nowMs();
    this.#write({ atMs: nowMs, showsMs: shownAt(this.setting, nowMs), rate });
  }

  /** It jumps by this much. */
  step(byMs: number): void {
    const nowMs = this.#nowMs();
    const { setting } = this;
    this.#write({ atMs: nowMs, showsMs: shownAt(setting, nowMs) + byMs, rate: setting.rate });
  }

  #write(setting: ClockSetting): void {
    const draft = join(this.#folder, `${SETTING}.draft`);
    writeFileSync(draft, JSON.stringify(setting));
    renameSync(draft, join(this.#folder, SETTING));
  }
}

export function shownAt({ atMs, showsMs, rate }: ClockSetting, nowMs: number): number {
  return showsMs + (nowMs - atMs) * rate;
}

/** As /proc/uptime shows it, always of one length, so that it can be written over in place. */
export function uptimeText(ms: number): string {
  return `${(Math.floor(ms / 10) / 100).toFixed(2).padStart(14)} 0.00\n`;
}
