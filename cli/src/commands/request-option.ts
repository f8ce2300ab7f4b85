import type { Command } from "commander";

export interface RequestOption {
  readonly request?: string;
}

/** A list that can leave out what does not follow from one request. */
export function ofRequest(command: Command): Command {
  return command.option("--request <id>", "only what follows from this request (audit ls shows ids), or decision");
}

/** What is asked of a list that has a filter. */
export function withRequest(filter: string, { request = "" }: RequestOption): string {
  if (request === "") return filter;
  const comparison = `request_id = "${request.replaceAll(/["\\]/g, "\\$&")}"`;
  return filter.trim() === "" ? comparison : `${filter} AND ${comparison}`;
}
