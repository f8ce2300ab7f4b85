import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Command, CommandSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { StopPolicySchema, type WorkloadSpec, WorkloadSpecSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";

let serial = 0;

/** A UUID of a test's own, another one each time. */
export function testId(): string {
  serial += 1;
  return `00000000-0000-4000-8000-${(serial + process.pid * 100_000).toString(16).padStart(12, "0")}`;
}

/** A spec of a process that runs until it is stopped, unless told otherwise. */
export function testSpec(init: MessageInitShape<typeof WorkloadSpecSchema> = {}): WorkloadSpec {
  const containerId = init.containerId ?? testId();
  return create(WorkloadSpecSchema, {
    containerId,
    containerName: `web-${containerId.slice(-6)}`,
    startup: { exec: "echo started; while :; do sleep 0.05; done" },
    stop: create(StopPolicySchema, { signal: "SIGTERM", graceMs: 2_000 }),
    ...init,
  });
}

/** A command of session 1, term 1, epoch 1, unless told otherwise. */
export function testCommand(
  containerId: string,
  action: MessageInitShape<typeof CommandSchema>["action"],
  init: Partial<Pick<Command, "epoch" | "session" | "term" | "commandId" | "timeoutMs" | "requestId">> = {},
): Command {
  return create(CommandSchema, {
    commandId: init.commandId ?? testId(),
    term: init.term ?? 1n,
    session: init.session ?? 1n,
    containerId,
    epoch: init.epoch ?? 1n,
    timeoutMs: init.timeoutMs ?? 10_000,
    requestId: init.requestId ?? "",
    ...(action ? { action } : {}),
  });
}
