import type { DescEnum } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import {
  type AlertSeverity,
  AlertSeveritySchema,
  type AlertState,
  AlertStateSchema,
  type ContainerStatus,
  ContainerStatusSchema,
  type ContainerType,
  ContainerTypeSchema,
  type DesiredState,
  DesiredStateSchema,
  DutyState,
  DutyStateSchema,
  type Endpoint,
  type MigrationOutcome,
  MigrationOutcomeSchema,
  type MigrationTrigger,
  MigrationTriggerSchema,
  type NodeStatus,
  NodeStatusSchema,
  type NPlusOnePolicy,
  NPlusOnePolicySchema,
  type PlacementStrategy,
  PlacementStrategySchema,
  type Resources,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type JobState, JobStateSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";

/** A protobuf enum's value as a word: HEALTHY → "healthy". A number that this CLI does not know yet stays a number. */
function word(schema: DescEnum, value: number): string {
  return (schema.value[value]?.localName ?? String(value)).toLowerCase();
}

export const nodeStatusWord = (value: NodeStatus) => word(NodeStatusSchema, value);
export const dutyWord = (value: DutyState) =>
  value === DutyState.MAINTENANCE ? "in maintenance" : word(DutyStateSchema, value).replaceAll("_", " ");
export const alertSeverityWord = (value: AlertSeverity) => word(AlertSeveritySchema, value);
export const alertStateWord = (value: AlertState) => word(AlertStateSchema, value);
export const placementWord = (value: PlacementStrategy) => word(PlacementStrategySchema, value);
export const nPlusOneWord = (value: NPlusOnePolicy) => word(NPlusOnePolicySchema, value);
export const containerStatusWord = (value: ContainerStatus) => word(ContainerStatusSchema, value);
export const containerTypeWord = (value: ContainerType) => word(ContainerTypeSchema, value);
export const desiredStateWord = (value: DesiredState) => word(DesiredStateSchema, value);
export const jobStateWord = (value: JobState) => word(JobStateSchema, value);
export const outcomeWord = (value: MigrationOutcome) => word(MigrationOutcomeSchema, value);
export const triggerWord = (value: MigrationTrigger) => word(MigrationTriggerSchema, value);

/** "2026-11-21 11:30:05Z"; empty when there is none. */
export function timeText(at: Timestamp | undefined): string {
  if (at === undefined) return "";
  return `${timestampDate(at).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** "11:30:05.123Z", for lists of things that follow each other quickly; empty when there is none. */
export function clockText(at: Timestamp | undefined): string {
  return at === undefined ? "" : timestampDate(at).toISOString().slice(11);
}

/** "6.7 s"; empty when there is none. */
export function secondsText(ms: number | bigint | undefined): string {
  return ms === undefined ? "" : `${(Number(ms) / 1000).toFixed(1)} s`;
}

/** "6.7 s" of 6,632 ms: rounded up, since a bound is never shown shorter than it is. */
export const boundText = (ms: number | bigint): string => secondsText(Math.ceil(Number(ms) / 100) * 100);

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** "1.5 GiB". */
export function bytesText(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** "1.5 cores". */
export function coresText(cpuMillis: number): string {
  return (cpuMillis / 1000).toFixed(2).replace(/\.?0+$/, "");
}

/** "0.25 cores, 64 MiB memory, 16 MiB disk"; empty when there are none. */
export function resourcesText(resources: Resources | undefined): string {
  if (resources === undefined) return "";
  const { cpuMillis, memoryBytes, diskBytes } = resources;
  return `${coresText(cpuMillis)} cores, ${bytesText(memoryBytes)} memory, ${bytesText(diskBytes)} disk`;
}

/** "http 127.0.1.1:20000, …". */
export function endpointsText(endpoints: readonly Endpoint[]): string {
  return endpoints.map((endpoint) => `${endpoint.name} ${endpoint.address}:${endpoint.port}`).join(", ");
}
