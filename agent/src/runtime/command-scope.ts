import { AsyncLocalStorage } from "node:async_hooks";

/** What a log line says of the command that it is of. */
export type CommandName = {
  readonly commandId: string;
  /** What the command follows from, as Command.request_id has it; absent where the coordinator did not say. */
  readonly requestId?: string;
};

/** Which command is being carried out, for the log lines of everything that is done for it, down to the engine's calls. */
export class CommandScope {
  readonly #names = new AsyncLocalStorage<CommandName | null>();

  within<T>(name: CommandName, act: () => T): T {
    return this.#names.run(name, act);
  }

  /** Runs what goes on beside and after a command, whoever begins it. */
  outside<T>(act: () => T): T {
    return this.#names.run(null, act);
  }

  /** Null: what is done here is for no command. */
  current(): CommandName | null {
    return this.#names.getStore() ?? null;
  }
}
