import type { Container } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { plainText } from "../output/plain-text.ts";
import { containerTypeWord, endpointsText, resourcesText } from "../output/wording.ts";
import type { ApiOptions } from "./api-command.ts";

export interface DryRunOptions {
  readonly dryRun?: boolean;
}

/** Adds `--dry-run`; where a command can wait for what it does, it does one of the two. */
export function triable(command: Command): Command {
  return command.addOption(
    new Option("--dry-run", "say what would come of it, or why not, and change nothing").conflicts("wait"),
  );
}

/** Says, to people, that what follows is not so. */
export function sayForetold(context: Pick<CliContext, "print">, { output }: ApiOptions, text: string): void {
  if (output === "table") context.print(plainText(text));
}

/** "web would be created: ha, on node-1 of cluster local, …"; what keeps it from a node where it would be on none. */
export function foretoldContainerText(container: Container, verb: "created" | "changed"): string {
  const { name, type, nodeName, clusterName, statusReason, resources, endpoints } = container;
  const place = nodeName === "" ? "on no node yet" : `on ${nodeName} of cluster ${clusterName}`;
  const facts = [containerTypeWord(type), place, resourcesText(resources), endpointsText(endpoints)];
  const why = nodeName === "" && statusReason !== "" ? `; ${statusReason}` : "";
  return plainText(`${name} would be ${verb}: ${facts.filter((fact) => fact !== "").join(", ")}${why}`);
}

/** "web would be removed with its volumes, from node-1". */
export function foretoldRemovalText({ name, nodeName }: Container): string {
  return plainText(`${name} would be removed with its volumes${nodeName === "" ? "" : `, from ${nodeName}`}`);
}
