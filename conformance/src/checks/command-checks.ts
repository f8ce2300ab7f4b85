import { create, type UnknownField } from "@bufbuild/protobuf";
import { type CommandResult, CommandsResponseSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { WorkloadSpecSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { type Check, expectThat } from "../check.ts";
import { STARTED_MS } from "../stage.ts";

/** An empty message in a field that no proto of today has. */
const OF_TOMORROW: UnknownField = { no: 999, wireType: 2, data: new Uint8Array([0]) };

function refusedWith(result: CommandResult, ...codes: readonly string[]): void {
  expectThat(!result.ok && codes.includes(result.errorCode), () => {
    const seen = result.ok ? "ok" : `"${result.errorCode}" (${result.errorMessage})`;
    return `it was answered ${seen}, not "${codes.join('" or "')}"`;
  });
}

/** What a command may do, and how it is answered. */
export const COMMAND_CHECKS: readonly Check[] = [
  {
    name: "another-session-refused",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: 'The node\'s session; another one: refused with "stale_session".',
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      const { session } = stage.plane.conduct;
      refusedWith(await stage.settled(stage.start(workload, { session: session + 7n })), "stale_session");
      expectThat(workload.starts().length === 0, () => "it was started all the same");
    },
  },
  {
    name: "older-epoch-refused",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: 'The placement epoch; below the journal\'s for this container, or closed: refused with "stale_epoch".',
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      const pid = await stage.running(workload, { epoch: 5n });
      refusedWith(await stage.settled(stage.start(workload, { epoch: 4n })), "stale_epoch");
      refusedWith(await stage.settled(stage.stop(workload, { epoch: 4n })), "stale_epoch");
      const starts = workload.starts().length;
      expectThat(starts === 1 && workload.alive().includes(pid), () => `it was started ${starts} times, or stopped`);
    },
  },
  {
    name: "closed-epoch-stays-closed",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "End the process and close the epoch: nothing up to it will ever run here again.",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      await stage.running(workload, { epoch: 2n });
      const stopped = await stage.settled(stage.stop(workload, { epoch: 2n }));
      expectThat(stopped.ok, () => `the stop was answered "${stopped.errorCode}": ${stopped.errorMessage}`);
      expectThat(workload.alive().length === 0, () => "it ran on after the stop was answered");
      refusedWith(await stage.settled(stage.start(workload, { epoch: 2n })), "stale_epoch");
      expectThat(workload.starts().length === 1, () => "it was started again under the closed epoch");
      await stage.running(workload, { epoch: 3n });
    },
  },
  {
    name: "epoch-closed-before-its-start",
    source: "docs/fencing.md",
    promise: "no start of a closed epoch",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      const stopped = await stage.settled(stage.stop(workload, { epoch: 6n }));
      expectThat(stopped.ok, () => `the stop of what never ran was answered "${stopped.errorCode}"`);
      refusedWith(await stage.settled(stage.start(workload, { epoch: 6n })), "stale_epoch");
      expectThat(workload.starts().length === 0, () => "a start that its stop had overtaken ran");
    },
  },
  {
    name: "result-repeated-until-acknowledged",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "repeated until a ResultAck has come, also after a restart of the agent.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      const command = stage.start(stage.workload());
      await stage.resultOf(command);
      const place = await stage.reconnected();
      const repeated = () => stage.results(command.commandId, place).length > 0;
      await stage.until("the result again, after a reconnect", repeated, 2_000);
      const kinds = heard.kindsSince(place);
      const inOrder = kinds.indexOf("result") < kinds.indexOf("inventory");
      expectThat(inOrder, () => "the result came behind the inventory, which may know more");

      stage.agent.signal("SIGKILL");
      await stage.ended(5_000);
      const restart = heard.length;
      stage.agent.start(null);
      await stage.heardAfter(restart, "inventory", STARTED_MS);
      const kept = () => stage.results(command.commandId, restart).length > 0;
      await stage.until("the result again, after a restart", kept, 2_000);

      stage.acknowledge(command.commandId);
      // Behind the acknowledgement on the same stream, so that its result says that the acknowledgement was read.
      await stage.settled(stage.stop(stage.workload()));
      const after = await stage.reconnected();
      const again = () => stage.results(command.commandId, after).length === 0;
      await stage.stays("the result was repeated after its ResultAck", again, 300);
    },
  },
  {
    name: "repeated-command-runs-once",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "The agent's journal remembers the id, so that a repeated command answers with the stored result.",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload({ body: "sleep 0.3" });
      const command = stage.start(workload);
      const place = stage.plane.heard.length;
      stage.send({ case: "command", value: command });
      const first = await stage.resultOf(command);
      await stage.until("its end, which it was made for", () => workload.alive().length === 0);
      const second = await stage.resultOf(command);
      await stage.reconnected();
      const third = await stage.resultOf(command);
      const same = [second, third].every(({ ok, errorCode }) => ok === first.ok && errorCode === first.errorCode);
      expectThat(same, () => "a repetition was answered with another result");
      const starts = workload.starts().length;
      expectThat(starts === 1, () => `one command, sent four times, started ${starts} processes`);
      expectThat(stage.results(command.commandId, place).length <= 8, () => "it was answered without an end");
      stage.acknowledge(command.commandId);
    },
  },
  {
    name: "unknown-command-answered",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: '"unknown_command"',
    begins: "serving",
    run: async (stage) => {
      const command = stage.command(stage.uuid(), { case: undefined });
      command.$unknown = [OF_TOMORROW];
      refusedWith(await stage.resultOf(command), "unknown_command");
      stage.acknowledge(command.commandId);
      await stage.running(stage.workload());
    },
  },
  {
    name: "unknown-message-left-alone",
    source: "docs/agent-protocol.md",
    promise: "A message of a kind that it does not know it leaves alone: a newer coordinator may send one.",
    begins: "serving",
    run: async (stage) => {
      const place = stage.plane.heard.length;
      const message = create(CommandsResponseSchema);
      message.$unknown = [OF_TOMORROW];
      stage.plane.send(message);
      await stage.settled(stage.stop(stage.workload()));
      const closed = stage.plane.heard.since(place, "closed").length;
      expectThat(closed === 0, () => "it ended a stream over it");
    },
  },
  {
    name: "invalid-command-refused",
    source: "docs/agent-protocol.md",
    promise: "A command that is against the rules of its proto is answered `refused`, and nothing of it is done.",
    begins: "serving",
    run: async (stage) => {
      const empty = stage.command(stage.uuid(), { case: "start", value: {} });
      refusedWith(await stage.resultOf(empty), "refused");
      const other = stage.workload();
      const mixed = stage.command(stage.uuid(), { case: "start", value: { spec: other.spec } });
      refusedWith(await stage.resultOf(mixed), "refused");
      expectThat(other.starts().length === 0, () => "it started what the command did not name");
      await stage.settled(stage.stop(stage.workload()));
    },
  },
  {
    name: "another-runtime-refused",
    source: "proto/lormas/agent/v1/workload.proto",
    promise: "a runtime that is missing here cannot run the workload.",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload({ spec: { startup: { docker: "true" }, image: "busybox" } });
      refusedWith(await stage.settled(stage.start(workload)), "unsupported_runtime");
    },
  },
  {
    name: "late-start-timed-out",
    source: "proto/lormas/agent/v1/agent.proto",
    promise:
      'When they are over the agent answers "timed_out", once: it cuts what can be cut, does not begin what waits, and what ends later than that has no other result.',
    begins: "serving",
    run: async (stage) => {
      const health = { kind: "command", command: "false", intervalMs: 50, timeoutMs: 500, startBudgetMs: 60_000 };
      const workload = stage.workload({
        spec: { health: { $typeName: "lormas.agent.v1.HealthCheck", portName: "", path: "", ...health } },
      });
      const command = stage.start(workload, { timeoutMs: 1_500 });
      const place = stage.plane.heard.length;
      const sentMs = stage.clock.bootMs();
      refusedWith(await stage.resultOf(command, 6_000), "timed_out");
      const tookMs = stage.clock.bootMs() - sentMs;
      expectThat(tookMs >= 1_300, () => `it was answered after ${Math.round(tookMs)} of its 1,500 ms`);
      // "A copy whose start ends late is stopped, and its epoch closed."
      await stage.until("the end of the copy", () => workload.starts().length > 0 && workload.alive().length === 0);
      refusedWith(await stage.settled(stage.start(workload)), "stale_epoch");
      const results = stage.results(command.commandId, place).length;
      expectThat(results === 1, () => `it was answered ${results} times`);
      stage.acknowledge(command.commandId);
    },
  },
  {
    name: "large-command-taken",
    source: "docs/agent-protocol.md",
    promise: "It takes messages of up to 4 MiB.",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      const labels = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`FILLING_${at}`, "x".repeat(100_000)]));
      const spec = create(WorkloadSpecSchema, { ...workload.spec, env: { ...workload.spec.env, ...labels } });
      const result = await stage.settled(stage.command(workload.id, { case: "prepare", value: { spec } }));
      expectThat(result.ok, () => `a command of 1.2 MB was answered "${result.errorCode}": ${result.errorMessage}`);
    },
  },
];
