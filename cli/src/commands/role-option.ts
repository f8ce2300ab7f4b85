import { InvalidArgumentError, Option } from "commander";

/** `--role`, which must be given: a role for everything; the coordinator knows which there are. */
export function roleOption(): Option {
  return new Option(
    "--role <role>",
    "what it lets one do everywhere: lormas auth roles; none: nothing",
  ).makeOptionMandatory();
}

/** `--role` of a grant for a part of the fleet. */
export function scopedRoleOption(): Option {
  return new Option("--role <role>", "what it lets one do there: lormas auth roles").makeOptionMandatory();
}

/** `--cluster` and `--container`, of which one is given. */
export function scopeOptions(): Option[] {
  return [
    new Option("--cluster <cluster>", "in this cluster (name or id)").default("").conflicts("container"),
    new Option("--container <container>", "for this container (name or id)").default("").conflicts("cluster"),
  ];
}

/** What `scopeOptions` give. */
export interface ScopeFlags {
  readonly cluster: string;
  readonly container: string;
}

/** A role for a part of the fleet, as one argument: "developer@cluster=games". */
export interface GrantArgument extends ScopeFlags {
  readonly role: string;
}

/** Adds one "ROLE@cluster=NAME" or "ROLE@container=NAME" to those given before. */
export function addGrantArgument(text: string, before: readonly GrantArgument[]): readonly GrantArgument[] {
  const match = /^([^@]+)@(cluster|container)=(.+)$/.exec(text);
  if (match === null) {
    throw new InvalidArgumentError("Write it as ROLE@cluster=NAME or ROLE@container=NAME.");
  }
  const [, role = "", kind, name = ""] = match;
  return [...before, { role, cluster: kind === "cluster" ? name : "", container: kind === "container" ? name : "" }];
}
