import type { Command } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";

/** The names that no command has any more once it is plain. */
export type UnplainCase = "prepareEquipped" | "prepareWithTerminal" | "startEquipped" | "startWithTerminal";

/**
 * A command of a specification with equipment or a terminal has a name of its own only so that agents who would overlook that do not
 * know it; to those who do, it is a preparation or a start like any other.
 */
export function plainCommand(command: Command): Command {
  const { action } = command;
  if (action.case === "prepareEquipped" || action.case === "prepareWithTerminal")
    return { ...command, action: { case: "prepare", value: action.value } };
  if (action.case === "startEquipped" || action.case === "startWithTerminal")
    return { ...command, action: { case: "start", value: action.value } };
  return command;
}
