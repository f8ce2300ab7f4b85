import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Ack,
  AckSchema,
  type Command,
  type CommandResult,
  CommandSchema,
  type Heartbeat,
  type Hello,
  InstallSchema,
  type LeasePolicySchema,
  type LogLine,
  type MembershipSchema,
  PrepareSchema,
  type PushLogsRequest,
  RemoveSchema,
  StartSchema,
  StopSchema,
  type Welcome,
  WelcomeSchema,
  type Resources as WireResources,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import {
  type ConfigReplacement,
  type EquipmentSchema,
  type WorkloadSpecSchema,
  WorkloadState,
  type WorkloadStatus,
} from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import { registryOf } from "@lormas/wire/image-reference.ts";
import { NO_RESOURCES, type Resources } from "../domain/resources.ts";
import type { WrappedKey } from "../domain/sealed-text.ts";
import type {
  EquipmentSpec,
  ObservedWorkload,
  PlainWorkloadSpec,
  WorkloadSpec,
  WorkloadUsage,
} from "../domain/workload.ts";
import type {
  AgentCommandResult,
  AgentHeartbeat,
  AgentHello,
  GrantedAck,
  ServingTerms,
} from "../runtime/agent-intake.ts";
import type {
  AgentLogLine,
  AgentTerminalOutput,
  OutboundAction,
  OutboundCommand,
  OutboundWorkload,
} from "../runtime/agent-link.ts";
import type { RegistryLogin, RegistryLogins } from "../secrets/registry-logins.ts";

// Everything that passes between the wire and the runtime is translated here and nowhere else. Pure.

/** Text kept of what an agent says for people; its proto promises no more. */
const DETAIL_CHARS_MAX = 1_024;
const MESSAGE_CHARS_MAX = 2_048;
const NAME_CHARS_MAX = 256;
const LOG_TEXT_CHARS_MAX = 16_384;

/** Numbers above 2^53 cannot be held exactly; whoever sends one is wrong or hostile, and is read as 2^53 − 1. */
function safe(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

/**
 * Text of an agent as the database can hold it: a NUL, or half a character where it was cut, fails every commit that carries
 * it, and a container chooses what it prints before it ends.
 */
export function text(value: string, charsMax: number): string {
  return value.slice(0, charsMax).replaceAll("\0", "\uFFFD").toWellFormed();
}

export function resourcesOf(wire: WireResources | undefined): Resources {
  if (wire === undefined) return NO_RESOURCES;
  return {
    cpuMillis: wire.cpuMillis,
    memoryBytes: safe(wire.memoryBytes),
    diskBytes: safe(wire.diskBytes),
  };
}

export function helloOf(wire: Hello): AgentHello {
  return {
    incarnation: wire.incarnation,
    agentVersion: text(wire.agentVersion, NAME_CHARS_MAX),
    session: safe(wire.session),
    address: text(wire.address, NAME_CHARS_MAX),
    runtime: text(wire.runtime, NAME_CHARS_MAX),
    capacity: resourcesOf(wire.capacity),
    architecture: text(wire.architecture, NAME_CHARS_MAX),
    platform: text(wire.platform, NAME_CHARS_MAX),
    portPoolMin: wire.portPoolMin,
    portPoolMax: wire.portPoolMax,
    guarded: wire.guarded,
    peerAddress: text(wire.peerAddress, NAME_CHARS_MAX),
  };
}

export function heartbeatOf(wire: Heartbeat): AgentHeartbeat {
  return {
    sequence: wire.sequence,
    session: safe(wire.session),
    usage: resourcesOf(wire.usage),
    heldForMs: wire.heldForMs,
    remainingMs: wire.remainingMs,
    lastAckSeen: wire.lastAckSeen,
    guarded: wire.guarded,
    runtimeReady: wire.runtimeReady,
    membershipEpoch: safe(wire.membershipEpoch),
    elapsedMs: safe(wire.elapsedMs),
  };
}

export function welcomeTo(terms: ServingTerms): Welcome {
  return create(WelcomeSchema, {
    term: BigInt(terms.term),
    session: BigInt(terms.session),
    policy: policyTo(terms.membership.policy),
    membership: membershipTo(terms.membership),
    nodeName: terms.nodeName,
    clusterName: terms.clusterName,
  });
}

function policyTo(policy: LeasePolicy): MessageInitShape<typeof LeasePolicySchema> {
  const { profile, intervalMs, leaseMs, killMs, voteMs, survival, selfFencing } = policy;
  return { profile, intervalMs, leaseMs, killMs, voteMs, survival, unfenced: !selfFencing };
}

function membershipTo({ epoch, voters, policy }: MembershipEpoch): MessageInitShape<typeof MembershipSchema> {
  return { epoch: BigInt(epoch), voters: voters.map((voter) => ({ ...voter })), policy: policyTo(policy) };
}

export function ackTo(ack: GrantedAck): Ack {
  return create(AckSchema, {
    sequence: ack.sequence,
    term: BigInt(ack.term),
    session: BigInt(ack.session),
    ...(ack.membership === null ? {} : { membership: membershipTo(ack.membership) }),
  });
}

const STATES: Readonly<Record<WorkloadState, ObservedWorkload["state"] | null>> = {
  [WorkloadState.UNSPECIFIED]: null,
  [WorkloadState.CREATED]: "created",
  [WorkloadState.STARTING]: "starting",
  [WorkloadState.RUNNING]: "running",
  [WorkloadState.UNHEALTHY]: "unhealthy",
  [WorkloadState.EXITED]: "exited",
  [WorkloadState.ABSENT]: "absent",
};

/** What an agent says of one container; null when the state is none that we know, such as one of a newer agent. */
export function observedOf(wire: WorkloadStatus): ObservedWorkload | null {
  const state = STATES[wire.state] ?? null;
  if (state === null) return null;
  return {
    containerId: wire.containerId,
    epoch: safe(wire.epoch),
    session: safe(wire.session),
    state,
    exitCode: wire.exitCode ?? null,
    detail: text(wire.detail, DETAIL_CHARS_MAX),
    // No process runs without memory: an agent that has not measured yet says 0.
    ...(wire.memoryUsedBytes === 0n ? {} : { usage: usageOf(wire) }),
  };
}

function usageOf({ cpuUsedMillis, memoryUsedBytes, io }: WorkloadStatus): WorkloadUsage {
  const usage = { cpuMillis: cpuUsedMillis, memoryBytes: safe(memoryUsedBytes) };
  if (io === undefined) return usage;
  return {
    ...usage,
    io: {
      networkReceivedBytes: safe(io.networkReceivedBytes),
      networkSentBytes: safe(io.networkSentBytes),
      diskReadBytes: safe(io.diskReadBytes),
      diskWrittenBytes: safe(io.diskWrittenBytes),
    },
  };
}

export function resultOf(wire: CommandResult): AgentCommandResult {
  return {
    commandId: wire.commandId,
    ok: wire.ok,
    errorCode: text(wire.errorCode, NAME_CHARS_MAX),
    errorMessage: text(wire.errorMessage, MESSAGE_CHARS_MAX),
    status: wire.status === undefined ? null : observedOf(wire.status),
    tookMs: safe(wire.tookMs),
    image: wire.image ? { digest: wire.image.digest, note: text(wire.image.note, DETAIL_CHARS_MAX) } : null,
  };
}

/** Opens the secrets of a workload with its container's key. */
export type OpenWorkload = (spec: WorkloadSpec, secretKey: WrappedKey | null) => PlainWorkloadSpec;

/** The logins for registries that nodes of a cluster get. */
export type LoginsFor = RegistryLogins["loginsFor"];

/** The only place where secrets leave the coordinator: what it answers is for the agent's stream alone. */
export function commandTo(command: OutboundCommand, open: OpenWorkload, loginsFor: LoginsFor): Command {
  return create(CommandSchema, {
    commandId: command.commandId,
    term: BigInt(command.term),
    session: BigInt(command.session),
    containerId: command.containerId,
    epoch: BigInt(command.epoch),
    timeoutMs: command.timeoutMs,
    requestId: command.requestId,
    action: actionTo(command.containerId, command.action, {
      workload: (spec) => open(spec, command.secretKey ?? null),
      logins: (spec) => loginsFor(command.clusterId ?? "", imagesOf(spec).map(registryOf)),
    }),
  });
}

type Opened = {
  readonly workload: (spec: WorkloadSpec) => PlainWorkloadSpec;
  readonly logins: (spec: WorkloadSpec) => RegistryLogin[];
};

/** The images that an agent may have to pull for a workload. */
const imagesOf = ({ image, equipment }: WorkloadSpec): string[] =>
  [image, equipment?.install?.image ?? ""].filter((one) => one !== "");

function actionTo(containerId: string, action: OutboundAction, opened: Opened): Command["action"] {
  switch (action.kind) {
    // Under a name that an agent who would overlook the equipment, or the terminal, does not know: it refuses, instead of running
    // half of it.
    case "prepare": {
      const needs = needsTo(containerId, action.workload, opened);
      const value = create(PrepareSchema, { ...needs, askRegistry: action.workload.askRegistry ?? false });
      if (value.spec?.tty) return { case: "prepareWithTerminal", value };
      return { case: value.spec?.equipment ? "prepareEquipped" : "prepare", value };
    }
    case "start": {
      const needs = needsTo(containerId, action.workload, opened);
      const value = create(StartSchema, { ...needs, askRegistry: action.workload.askRegistry ?? false });
      if (value.spec?.tty) return { case: "startWithTerminal", value };
      return { case: value.spec?.equipment ? "startEquipped" : "start", value };
    }
    case "install":
      return { case: "install", value: create(InstallSchema, needsTo(containerId, action.workload, opened)) };
    case "stop":
      return { case: "stop", value: create(StopSchema, { graceMs: action.graceMs }) };
    case "remove":
      return { case: "remove", value: create(RemoveSchema, { removeVolumes: action.removeVolumes }) };
    default:
      return action satisfies never;
  }
}

/** What is to be run, and who the node is where its images come from. */
function needsTo(
  containerId: string,
  workload: OutboundWorkload,
  opened: Opened,
): { spec: MessageInitShape<typeof WorkloadSpecSchema>; registries: RegistryLogin[] } {
  return {
    spec: specTo(containerId, workload, opened.workload(workload.spec)),
    registries: opened.logins(workload.spec),
  };
}

function specTo(
  containerId: string,
  workload: OutboundWorkload,
  spec: PlainWorkloadSpec,
): MessageInitShape<typeof WorkloadSpecSchema> {
  return {
    containerId,
    containerName: workload.containerName,
    ha: workload.ha,
    image: spec.image,
    startup: { ...spec.startup },
    env: { ...spec.env },
    ports: workload.ports.map((port) => ({ ...port })),
    volumes: spec.volumes.map((volume) => ({ ...volume })),
    limits: {
      cpuMillis: workload.cpuMillis,
      memoryBytes: BigInt(workload.memoryBytes),
      diskBytes: BigInt(workload.diskBytes),
    },
    stop: { ...spec.stop },
    tty: spec.tty ?? false,
    ...(spec.health === null ? {} : { health: { ...spec.health, startBudgetMs: spec.startBudgetMs } }),
    ...(spec.equipment === undefined ? {} : { equipment: equipmentTo(spec.equipment, spec.startBudgetMs) }),
  };
}

function equipmentTo(equipment: EquipmentSpec, budgetMs: number): MessageInitShape<typeof EquipmentSchema> {
  const { volume, readyLines, install, configFiles } = equipment;
  return {
    volume,
    ...(readyLines.length === 0 ? {} : { ready: { lines: [...readyLines], budgetMs } }),
    ...(install === null ? {} : { install: { ...install } }),
    configFiles: configFiles.map(({ path, parser, replacements }) => ({
      ...{ path, parser },
      replacements: replacements.map(({ match, ifValue, value }) => ({
        match,
        ...(ifValue === null ? {} : { ifValue }),
        value: configValueTo(value),
      })),
    })),
  };
}

function configValueTo(value: string | number | boolean | null): ConfigReplacement["value"] {
  if (value === null) return { case: undefined };
  if (typeof value === "string") return { case: "text", value };
  return typeof value === "number" ? { case: "number", value } : { case: "flag", value };
}

/** What a message brings for a reading of lines. */
export function logBatchOf({ lines }: PushLogsRequest): readonly AgentLogLine[] | null {
  return lines.length === 0 ? null : lines.map(logLineOf);
}

/** What a message brings for a reading of a terminal. */
export function terminalOutputOf({ terminal }: PushLogsRequest): AgentTerminalOutput | null {
  return terminal === undefined
    ? null
    : { bytes: Uint8Array.from(terminal.output), skippedBytes: safe(terminal.skippedBytes) };
}

export function logLineOf(wire: LogLine): AgentLogLine {
  return {
    atMs: wire.at === undefined ? null : safe(wire.at.seconds) * 1_000 + Math.floor(wire.at.nanos / 1_000_000),
    stream: wire.stream === "stderr" ? "stderr" : "stdout",
    text: wire.text.slice(0, LOG_TEXT_CHARS_MAX),
  };
}
