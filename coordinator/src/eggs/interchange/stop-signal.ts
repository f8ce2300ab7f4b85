import type { StopSpec } from "../../domain/workload.ts";
import type { EggDefinition } from "../egg-definition.ts";

/** What a panel's stop means here. */
export type PanelStop = {
  readonly signal: string;
  /** Written to the server's input in the signal's place; empty where nothing is. */
  readonly command: string;
  /**
   * signal: it names one. console: a command for the server's console. unusable: "^" and something that is no signal, or what no
   * console takes as a command.
   */
  readonly kind: "signal" | "console" | "unusable";
};

/** Bytes of a console command, as StopPolicy.command takes it. */
export const STOP_COMMAND_BYTES_MAX = 1_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGWINCH"];

/** "^C" (also "^^C") is SIGINT, "^SIGTERM" that signal; whatever does not begin so is a console command. */
export function panelStop(stop: string): PanelStop {
  const word = /^\s*\^+\s*(\S+)\s*$/.exec(stop)?.[1]?.toUpperCase();
  if (word === undefined) {
    const command = stop.trim();
    const usable = Buffer.byteLength(command) <= STOP_COMMAND_BYTES_MAX && !command.includes("\0");
    return { signal: "SIGTERM", command: usable ? command : "", kind: usable ? "console" : "unusable" };
  }
  if (word === "C") return { signal: "SIGINT", command: "", kind: "signal" };
  const name = SIGNALS.find((signal) => signal === word || signal === `SIG${word}`);
  return { signal: name ?? "SIGTERM", command: "", kind: name === undefined ? "unusable" : "signal" };
}

/** How a panel says a way to stop. */
export function panelStopOf({ signal, command = "" }: StopSpec): string {
  if (command !== "") return command;
  return signal === "SIGINT" ? "^C" : `^${signal}`;
}

/** How containers of an egg are stopped: by its own command, or that of the panel that it came from, or by its signal. */
export function stopOf({ stop, panel }: Pick<EggDefinition, "stop" | "panel">): StopSpec {
  const command = stop.command ?? (panel ? panelStop(panel.stop).command : "");
  return command === "" ? stop : { ...stop, command };
}
