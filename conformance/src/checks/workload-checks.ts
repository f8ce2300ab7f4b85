import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { HealthCheckSchema, PortBindingSchema, WorkloadState } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { type Check, expectThat } from "../check.ts";

const LINE_BYTES_MAX = 16 << 10;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What becomes of a workload of the exec runtime. */
export const WORKLOAD_CHECKS: readonly Check[] = [
  {
    name: "start-runs-a-process",
    source: "proto/lormas/agent/v1/workload.proto",
    promise:
      "Environment variables. The agent adds LORMAS_NODE, LORMAS_CONTAINER, LORMAS_EPOCH, LORMAS_ADDRESS, LORMAS_NODE_BIN (a Node.js executable, exec runtime only) and PORT_<NAME> for every port.",
    begins: "serving",
    run: async (stage) => {
      const port = create(PortBindingSchema, { name: "http", containerPort: 80, hostPort: 28_411, protocol: "tcp" });
      const workload = stage.workload({ spec: { env: { GREETING: "hello" }, ports: [port] } });
      const result = await stage.settled(stage.start(workload, { epoch: 3n }));
      const { session } = stage.plane.conduct;
      const { status } = result;
      expectThat(result.ok, () => `the start was answered "${result.errorCode}": ${result.errorMessage}`);
      expectThat(
        status?.state === WorkloadState.RUNNING && status.epoch === 3n && status.session === session,
        () => "its result does not tell of a running copy of this epoch and session",
      );
      const pid = await stage.until("its process", () => workload.alive()[0]);
      const wanted = {
        GREETING: "hello",
        LORMAS_NODE: stage.agent.settings.nodeName,
        LORMAS_CONTAINER: workload.spec.containerName,
        LORMAS_EPOCH: "3",
        LORMAS_ADDRESS: "127.0.0.1",
        PORT_HTTP: "28411",
      };
      for (const [name, value] of Object.entries(wanted)) {
        const seen = workload.variable(pid, name);
        expectThat(seen === value, () => `${name} was ${seen === null ? "not set" : `"${seen}"`}, not "${value}"`);
      }
      const node = workload.variable(pid, "LORMAS_NODE_BIN");
      expectThat(node !== null && isExecutable(node), () => `LORMAS_NODE_BIN was ${node ?? "not set"}: no executable`);
    },
  },
  {
    name: "start-waits-for-health",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Create and start; ok once the health check has passed.",
    begins: "serving",
    run: async (stage) => {
      const health = create(HealthCheckSchema, {
        ...{
          kind: "command",
          command: 'test -e "$PROOF.ready"',
          intervalMs: 50,
          timeoutMs: 2_000,
          startBudgetMs: 8_000,
        },
      });
      const body = 'sleep 0.7; touch "$PROOF.ready"; while :; do sleep 0.1; done';
      const workload = stage.workload({ body, spec: { health } });
      const result = await stage.resultOf(stage.start(workload), 12_000);
      const ready = existsSync(`${workload.spec.env["PROOF"]}.ready`);
      stage.acknowledge(result.commandId);
      expectThat(result.ok, () => `the start was answered "${result.errorCode}": ${result.errorMessage}`);
      expectThat(ready, () => "the start was answered before its health check could pass");
    },
  },
  {
    name: "own-end-reported",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "A change of one container that no command caused.",
    begins: "serving",
    run: async (stage) => {
      const place = stage.plane.heard.length;
      const workload = stage.workload({ body: "sleep 1; exit 3" });
      await stage.running(workload);
      const report = await stage.until("a report of its end", () =>
        stage.plane.heard
          .since(place, "report")
          .map(({ value }) => value.status)
          .find((status) => status?.containerId === workload.id && status.state === WorkloadState.EXITED),
      );
      expectThat(report.exitCode === 3, () => `its exit code was told as ${report.exitCode}, it was 3`);
      expectThat(workload.starts().length === 1, () => "it was started again by nobody's command");
    },
  },
  {
    name: "stop-signals-then-kills",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Milliseconds between the stop signal and SIGKILL; 0 kills at once.",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload({ body: `trap 'touch "$PROOF.asked"' TERM; while :; do sleep 0.1; done` });
      await stage.running(workload);
      const sentMs = stage.clock.bootMs();
      const result = await stage.settled(stage.stop(workload, { graceMs: 1_000 }));
      const tookMs = stage.clock.bootMs() - sentMs;
      expectThat(result.ok, () => `the stop was answered "${result.errorCode}": ${result.errorMessage}`);
      expectThat(existsSync(`${workload.spec.env["PROOF"]}.asked`), () => "it was not asked to end by SIGTERM");
      expectThat(tookMs >= 900, () => `it was killed after ${Math.round(tookMs)} of its 1,000 ms of grace`);
      expectThat(workload.alive().length === 0, () => "what ignores the signal ran on after its stop was answered");
    },
  },
  {
    name: "kill-cuts-a-grace",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "One without a grace, and a Remove, cut the grace of a Stop of the same container that is under way.",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload({ body: `trap 'touch "$PROOF.asked"' TERM; while :; do sleep 0.1; done` });
      await stage.running(workload);
      const hanging = stage.settled(stage.stop(workload, { graceMs: 60_000, timeoutMs: 70_000 }));
      const killing = stage
        .until("the stop signal", () => existsSync(`${workload.spec.env["PROOF"]}.asked`))
        .then(() => stage.settled(stage.stop(workload, { graceMs: 0 })));
      const [, killed] = await Promise.all([hanging, killing]);
      expectThat(killed.ok, () => `the kill was answered "${killed.errorCode}": ${killed.errorMessage}`);
      expectThat(workload.alive().length === 0, () => "what ignores the signal ran on after its kill was answered");
    },
  },
  {
    name: "remove-leaves-nothing",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Remove the container, and its volumes where asked; closes the epoch too.",
    begins: "serving",
    run: async (stage) => {
      const workload = stage.workload();
      await stage.running(workload);
      const remove = stage.command(workload.id, { case: "remove", value: { removeVolumes: true } });
      const result = await stage.settled(remove);
      expectThat(result.ok, () => `the removal was answered "${result.errorCode}": ${result.errorMessage}`);
      expectThat(workload.alive().length === 0, () => "it runs on");
      const again = await stage.settled(stage.start(workload));
      expectThat(again.errorCode === "stale_epoch", () => `a start of its epoch was answered "${again.errorCode}"`);
      const place = await stage.reconnected();
      const { value: inventory } = await stage.heardAfter(place, "inventory");
      const left = inventory.workloads.some(({ containerId }) => containerId === workload.id);
      expectThat(!left, () => "the inventory still tells of it");
    },
  },
  {
    name: "console-input-written-once",
    source: "proto/lormas/agent/v1/agent.proto",
    promise:
      "so it reaches the process once or not at all. Inputs of one container are written in the order in which they came.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      // "What is not named here is never asked of the agent."
      if (!heard.last("hello")?.value.features.includes("console")) return;
      const workload = stage.workload({ body: 'while read -r line; do echo "$line" >> "$PROOF.typed"; done' });
      await stage.running(workload, { epoch: 5n });
      const file = `${workload.spec.env["PROOF"]}.typed`;
      const typed = () => (existsSync(file) ? readFileSync(file, "utf8") : "");
      const send = (text: string, epoch = 5n) => {
        const place = heard.length;
        const inputId = stage.uuid();
        const data = new Uint8Array(Buffer.from(text));
        const value = {
          $typeName: "lormas.agent.v1.ConsoleInput",
          inputId,
          containerId: workload.id,
          epoch,
          data,
        } as const;
        stage.send({ case: "consoleInput", value });
        return async () => {
          const mine = () => heard.since(place, "console").find((answer) => answer.value.inputId === inputId);
          return (await stage.until("the answer to an input", mine)).value.errorCode;
        };
      };
      const lines = Array.from({ length: 8 }, (_, at) => `line ${at}\n`);
      for (const answer of lines.map((line) => send(line))) {
        const code = await answer();
        expectThat(code === "", () => `an input was answered "${code}"`);
      }
      await stage.until("every line in order", () => typed() === lines.join(""));
      const stale = await send("for another copy\n", 4n)();
      expectThat(stale === "stale_epoch", () => `an input for another copy was answered "${stale}"`);
      await stage.reconnected();
      const last = await send("last\n")();
      expectThat(last === "", () => `an input after a new connection was answered "${last}"`);
      await stage.until("the last line, and nothing twice", () => typed() === `${lines.join("")}last\n`);
      await stage.settled(stage.stop(workload, { epoch: 5n }));
      const late = await send("too late\n")();
      expectThat(late === "not_running", () => `an input for what was stopped was answered "${late}"`);
    },
  },
  {
    name: "logs-pushed-in-bounds",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "The text without its line end, at most 16 KiB; longer lines are cut.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      const lines = `i=0; while [ $i -lt 1500 ]; do echo "line $i"; i=$((i+1)); done`;
      const long = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo last";
      const workload = stage.workload({ body: `${lines}; ${long}; while :; do sleep 0.1; done` });
      await stage.running(workload);
      const read = async (tailLines: number): Promise<readonly string[]> => {
        const place = heard.length;
        const logId = stage.uuid();
        const value = {
          $typeName: "lormas.agent.v1.OpenLogs",
          logId,
          containerId: workload.id,
          tailLines,
          follow: false,
          terminal: false,
        } as const;
        stage.send({ case: "openLogs", value });
        const { stream } = await stage.heardAfter(place, "logs_end");
        const messages = heard.since(place, "logs").filter((message) => message.stream === stream);
        expectThat(messages[0]?.value.logId === logId, () => "its first message did not name the reading");
        return messages.flatMap(({ value }) => value.lines.map(({ text }) => text));
      };
      let whole: readonly string[] = [];
      // It may still be writing.
      for (let attempt = 0; attempt < 20 && whole.at(-1) !== "last"; attempt += 1) {
        whole = await read(10_000);
        await stage.clock.sleep(100);
      }
      expectThat(whole[0] === "line 0" && whole.includes("line 1499"), () => "not every line came, or not in order");
      const longest = Math.max(...whole.map((text) => Buffer.byteLength(text)));
      expectThat(longest <= LINE_BYTES_MAX, () => `a line of ${longest} bytes came`);
      const texts = await read(1);
      expectThat(texts.length === 1 && texts[0] === "last", () => `of the last line alone came ${texts.length} lines`);
    },
  },
];
