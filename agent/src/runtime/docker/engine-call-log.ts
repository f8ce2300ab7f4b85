import type Docker from "dockerode";
import type { Logger } from "pino";
import type { CommandScope } from "../command-scope.ts";
import { engineStatus } from "./docker-fault.ts";

/** One request to the engine, as docker-modem takes it. */
type EngineRequest = { readonly path: string; readonly method: string };
type Answered = (error: unknown, answer: unknown) => void;
type Dial = (request: EngineRequest, answered: Answered) => void;

/**
 * Has every request of a client leave a line in the log when the engine has answered it, with the command that it was made for. Those
 * that change something for a command are "info"; all others, which are many, "debug". Neither bodies nor queries nor the
 * engine's words are told: there are secrets in them.
 */
export function logEngineCalls(docker: Docker, log: Logger, commands: CommandScope): void {
  const modem: { dial: Dial } = docker.modem;
  const dial = modem.dial.bind(modem);
  modem.dial = (request, answered) => {
    const [path = ""] = request.path.split("?", 1);
    const command = commands.current();
    const level = command !== null && changes(request.method, path) ? "info" : "debug";
    dial(request, (error, answer) => {
      const told = { ...command, method: request.method, path };
      if (error) log[level]({ ...told, status: engineStatus(error) ?? codeOf(error) }, "engine call refused");
      else log[level](told, "engine call done");
      answered(error, answer);
    });
  };
}

/** Health checks are runs in a container, again and again. */
const changes = (method: string, path: string): boolean =>
  method !== "GET" && method !== "HEAD" && !/\/exec(\/|$)|\/wait$/.test(path);

/** What a connection that broke is called. */
const codeOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "unexpected";
};
