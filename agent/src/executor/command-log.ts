import type { Command, CommandResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { Logger } from "pino";
import { type CommandName, CommandScope } from "../runtime/command-scope.ts";

/** What the log says of commands, from their receipt to their result; each line has the id of the request that they follow from. */
export class CommandLog {
  readonly #log: Logger;
  readonly scope: CommandScope;

  /** `scope`: where the log's other lines find the command that they are of; absent: nobody reads it. */
  constructor(log: Logger, scope: CommandScope = new CommandScope()) {
    this.#log = log;
    this.scope = scope;
  }

  received(command: Command): void {
    const { epoch, session, term } = command;
    const of = { epoch: String(epoch), session: String(session), term: String(term) };
    this.#log.info({ ...told(command), ...of }, "command received");
  }

  started(command: Command): void {
    this.#log.info(told(command), "command started");
  }

  /** It was answered before, and is answered so again. */
  repeated(command: Command): void {
    this.#log.info(told(command), "command answered before");
  }

  done(command: Command, { ok, errorCode: code, tookMs }: CommandResult): void {
    this.#log.info({ ...told(command), ok, tookMs: Number(tookMs), code }, "command done");
  }

  late(command: Command, ok: boolean): void {
    this.#log.warn({ ...told(command), ok }, "a command came to its end after its time was up");
  }

  unseen(command: Command, error: unknown): void {
    this.#log.warn({ ...told(command), err: error }, "a container could not be looked at after its command");
  }

  lost(command: Command, error: unknown): void {
    this.#log.error({ ...told(command), err: error }, "a command was lost");
  }
}

/** How log lines call a command. */
export function commandName({ commandId, requestId }: Pick<Command, "commandId" | "requestId">): CommandName {
  return requestId === "" ? { commandId } : { commandId, requestId };
}

const told = (command: Command) => ({
  ...commandName(command),
  containerId: command.containerId,
  action: command.action.case,
});
