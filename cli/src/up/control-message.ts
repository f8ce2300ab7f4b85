import type { ExitCode } from "../exit-code.ts";
import type { ChildReport } from "./supervisor.ts";

/** What a client of the control socket asks, one JSON object a line. */
export type ControlRequest =
  | { readonly op: "status" }
  | { readonly op: "kill"; readonly node: string }
  | { readonly op: "revive"; readonly node: string };

/** The answer, one JSON object a line, in the order of the requests. */
export type ControlResponse =
  | { readonly ok: true; readonly result: ControlStatus | { readonly killed: number } | Record<string, never> }
  | { readonly ok: false; readonly code: ExitCode; readonly message: string; readonly nextStep: string };

/** Answer to "status". */
export interface ControlStatus {
  readonly pid: number;
  readonly httpUrl: string;
  readonly children: readonly ChildReport[];
}

/** Reads a request; an Error that says what is wrong with it. */
export function parseControlRequest(line: string): ControlRequest {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || !("op" in value)) throw new Error('a request is {"op": …}');
  const node = "node" in value && typeof value.node === "string" ? value.node : undefined;
  switch (value.op) {
    case "status":
      return { op: "status" };
    case "kill":
    case "revive":
      if (node === undefined) throw new Error(`${value.op} needs "node"`);
      return { op: value.op, node };
    default:
      throw new Error(`unknown op ${JSON.stringify(value.op)}; there are status, kill, revive`);
  }
}
