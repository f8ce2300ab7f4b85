import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  AttachSchema,
  type AuthoritiesReport,
  type CloseLogs,
  type Command,
  type CommandResult,
  CommandSchema,
  type CommandsRequest,
  CommandsRequestSchema,
  type CommandsResponse,
  type ConsoleInput,
  type ConsoleResize,
  type ConsoleResult,
  InventorySchema,
  type OpenLogs,
  WorkloadReportSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { WorkloadStatus } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { Logger } from "pino";
import type { Timers } from "../clock/clock.ts";
import type { CommandsCall } from "./coordinator-client.ts";
import { plainCommand } from "./plain-command.ts";

/** How long a coordinator may take to accept an Attach. */
const ATTACHED_MS = 5_000;
/** Messages that may wait for the network; above it the stream is given up, and the next one starts from an inventory. */
export const OUTGOING_MAX = 10_000;

export type CommandSessionOptions = {
  readonly call: CommandsCall;
  readonly incarnation: string;
  readonly session: bigint;
  /** Says why a leader of this term is not obeyed; null: it is. */
  readonly objection: (term: bigint) => string | null;
  readonly executor: {
    submit(command: Command): void;
    acknowledged(commandId: string): Promise<void>;
    unacked(): CommandResult[];
    /** Told whether a coordinator is there that decides what is started again. */
    readonly crashes: { attached(): Promise<void>; detached(): void };
    inventory(): Promise<WorkloadStatus[]>;
    listen(onResult: (result: CommandResult) => void, onStatus: (status: WorkloadStatus) => void): void;
  };
  readonly nextReport: () => bigint;
  readonly openLogs: (request: OpenLogs) => void;
  readonly closeLogs: (request: CloseLogs) => void;
  /** Whom this node trusts, for an agent that tells so; null for one that does not. */
  readonly authorities: () => AuthoritiesReport | null;
  /** The coordinator wishes for a fresh certificate. */
  readonly renewSoon: (withinMs: number) => void;
  readonly consoleInput: (input: ConsoleInput, answer: (result: ConsoleResult) => void) => void;
  readonly consoleResize: (resize: ConsoleResize, answer: (result: ConsoleResult) => void) => void;
  /** Called once the stream is attached and the inventory is sent. */
  readonly attached?: (stream: CommandStream) => void;
  readonly timers: Timers;
  readonly log: Logger;
  readonly signal: AbortSignal;
};

/** An attached stream, for what is sent besides results and reports. */
export type CommandStream = {
  /** Says once more whom this node trusts. */
  tellAuthorities(): void;
  /**
   * Sends the last word of a session. True once the coordinator has closed the stream upon it; false when the stream broke, or
   * `waitMs` passed, before that.
   */
  goodbye(session: bigint, reason: string, waitMs: number): Promise<boolean>;
};

const validator = createValidator();

/**
 * Runs one command stream until it ends, and answers why: Attach, then every result that was not acknowledged, then the
 * inventory, then what comes. The inventory is behind the results because it is of later: what was started and has gone since
 * must not be taken for running on the word of its result.
 */
export function commandSession(options: CommandSessionOptions): Promise<string> {
  const { call, executor, timers, log } = options;
  return new Promise((resolve) => {
    let ended = false;
    let outgoing = 0;
    let attached = false;
    let inventorySent = false;
    const cancelWait = timers.after(ATTACHED_MS, () => end(`no Attached within ${ATTACHED_MS} ms`));

    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      cancelWait();
      executor.listen(
        () => undefined,
        () => undefined,
      );
      executor.crashes.detached();
      options.signal.removeEventListener("abort", stop);
      call.cancel();
      resolve(reason);
    };
    const stop = () => end("the agent stops");
    options.signal.addEventListener("abort", stop, { once: true });

    const send = (message: CommandsRequest["message"]) => {
      if (ended) return;
      if (outgoing >= OUTGOING_MAX) {
        end(`${OUTGOING_MAX} messages wait for the network`);
        return;
      }
      outgoing += 1;
      call.write(create(CommandsRequestSchema, { message }), () => {
        outgoing -= 1;
      });
    };
    const sendResult = (result: CommandResult) => send({ case: "result", value: result });
    const report = (status: WorkloadStatus) =>
      send({ case: "report", value: create(WorkloadReportSchema, { sequence: options.nextReport(), status }) });

    const onAttached = async () => {
      // What comes about while the inventory is made waits behind it: it may not be in it yet.
      const early: (() => void)[] = [];
      const inOrder = (tell: () => void) => {
        if (inventorySent) tell();
        else if (early.length < OUTGOING_MAX) early.push(tell);
        else end(`${OUTGOING_MAX} messages wait for the inventory`);
      };
      executor.listen(
        (result) => inOrder(() => sendResult(result)),
        (status) => inOrder(() => report(status)),
      );
      for (const result of executor.unacked()) sendResult(result);
      await executor.crashes.attached();
      const workloads = await executor.inventory();
      send({ case: "inventory", value: create(InventorySchema, { session: options.session, workloads }) });
      inventorySent = true;
      for (const tell of early) tell();
      tellAuthorities();
      options.attached?.({ goodbye, tellAuthorities });
    };

    const tellAuthorities = (): void => {
      const value = options.authorities();
      if (value !== null) send({ case: "authorities", value });
    };

    const goodbye: CommandStream["goodbye"] = (session, reason, waitMs) =>
      new Promise((done) => {
        const cancel = timers.after(waitMs, () => done(false));
        const finish = (heard: boolean) => {
          cancel();
          done(heard);
        };
        if (ended) return finish(false);
        call.once("end", () => finish(true));
        call.once("error", () => finish(false));
        send({ case: "goodbye", value: { $typeName: "lormas.agent.v1.Goodbye", session, reason } });
        call.end();
      });

    const onMessage = ({ message }: CommandsResponse) => {
      switch (message.case) {
        case "attached": {
          const problem = attached ? "attached twice" : options.objection(message.value.term);
          if (problem !== null) return end(problem);
          attached = true;
          cancelWait();
          onAttached().catch((error: unknown) => end(`no inventory could be made: ${String(error)}`));
          return;
        }
        case "command":
          return onCommand(message.value);
        case "resultAck":
          executor.acknowledged(message.value.commandId).catch((error: unknown) => end(String(error)));
          return;
        case "openLogs":
          return options.openLogs(message.value);
        case "closeLogs":
          return options.closeLogs(message.value);
        case "consoleInput":
          return options.consoleInput(message.value, (value) => send({ case: "consoleResult", value }));
        case "consoleResize":
          return options.consoleResize(message.value, (value) => send({ case: "consoleResult", value }));
        case "renewSoon":
          return options.renewSoon(message.value.withinMs);
        case undefined:
          return log.warn("a message of an unknown kind came down the command stream; is the coordinator newer?");
        default:
          return noSuchMessage(message);
      }
    };

    const onCommand = (command: Command) => {
      const checked = validator.validate(CommandSchema, command);
      if (checked.kind === "valid") return executor.submit(plainCommand(command));
      const reason = checked.error?.message ?? "invalid";
      const { commandId, requestId } = command;
      log.error({ commandId, requestId, reason }, "an invalid command was refused");
      sendResult({
        $typeName: "lormas.agent.v1.CommandResult",
        commandId: command.commandId,
        ok: false,
        errorCode: command.action.case ? "refused" : "unknown_command",
        errorMessage: `the command is not valid: ${reason}`.slice(0, 2_000),
        tookMs: 0n,
      });
    };

    call.on("data", (message: CommandsResponse) => !ended && onMessage(message));
    call.on("error", (error: Error) => end(error.message));
    call.on("end", () => end("the coordinator ended the stream"));
    send({
      case: "attach",
      value: create(AttachSchema, { incarnation: options.incarnation, session: options.session }),
    });
  });
}

function noSuchMessage(message: never): never {
  throw new Error(`unknown message ${JSON.stringify(message)}`);
}
