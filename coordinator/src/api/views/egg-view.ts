import type { MessageInitShape } from "@bufbuild/protobuf";
import type { EggSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { HealthCheckSpec } from "../../domain/workload.ts";
import type { EggReading } from "../../store/read-model/egg-readings.ts";
import { resourcesView } from "./amounts.ts";

/** An egg as the API shows it. */
export function eggView({ row, categoryName }: EggReading): MessageInitShape<typeof EggSchema> {
  const egg = row.definition;
  return {
    id: row.id,
    name: row.name,
    description: egg.description,
    category: categoryName,
    version: row.version,
    runtimes: Object.keys(egg.startup).sort(),
    image: egg.image,
    startup: { ...egg.startup },
    variables: egg.variables.map((variable) => ({ ...variable })),
    ports: egg.ports.map((port) => ({ ...port })),
    volumes: egg.volumes.map((volume) => ({ ...volume })),
    stopSignal: egg.stop.signal,
    stopGraceMs: egg.stop.graceMs,
    defaultResources: resourcesView(egg.defaultResources),
    startBudgetMs: egg.startBudgetMs,
    healthCheck: healthCheckText(egg.health),
  };
}

/** A health check in words: "http GET / on port http"; empty when there is none. */
export function healthCheckText(check: HealthCheckSpec | null): string {
  if (check === null) return "";
  switch (check.kind) {
    case "tcp":
      return `tcp connect on port ${check.portName}`;
    case "http":
      return `http GET ${check.path === "" ? "/" : check.path} on port ${check.portName}`;
    case "command":
      return `command ${check.command}`;
    default:
      return check.kind satisfies never;
  }
}
