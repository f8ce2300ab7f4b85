import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  EggChangeSchema,
  EggPanelFactsSchema,
  EggSchema,
  EggVariableSchema,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { HealthCheckSpec } from "../../domain/workload.ts";
import { eggChanges } from "../../eggs/egg-changes.ts";
import type { EggDefinition, EggVariable } from "../../eggs/egg-definition.ts";
import { stopOf } from "../../eggs/interchange/stop-signal.ts";
import type { PanelFacts } from "../../eggs/panel-facts.ts";
import { startBudgetOf } from "../../eggs/ready-lines.ts";
import { hidesDefault } from "../../eggs/reserved-variables.ts";
import { MASK } from "../../secrets/secret-name.ts";
import { eggEtag } from "../../store/egg-shelf.ts";
import type { EggReading } from "../../store/read-model/egg-readings.ts";
import { resourcesView } from "./amounts.ts";

type EggInit = Exclude<MessageInitShape<typeof EggSchema>, { $typeName: string }>;

/** What of an egg is shown: all, or without the defaults that it hides from users. */
export type EggSight = "whole" | "masked";

/** An egg of the catalogue as the API shows it. */
export function eggView({ row, categoryName }: EggReading, sight: EggSight): EggInit {
  return { ...definitionView(row.definition, categoryName, row.builtIn, sight), etag: eggEtag(row) };
}

/** The same for an egg that need not be stored. */
export function definitionView(egg: EggDefinition, categoryName: string, builtIn: boolean, sight: EggSight): EggInit {
  return {
    id: egg.id,
    name: egg.name,
    description: egg.description,
    category: categoryName,
    categoryId: egg.categoryId,
    builtIn,
    version: egg.version,
    runtimes: Object.keys(egg.startup).sort(),
    image: egg.image,
    startup: { ...egg.startup },
    images: (egg.images ?? []).map(({ name, image }) => ({ name, image })),
    startupCommands: (egg.panel?.startupCommands ?? []).map(({ name, command }) => ({ name, command })),
    variables: egg.variables.map((variable) => variableView(variable, sight)),
    ports: egg.ports.map(({ name, containerPort, protocol }) => ({ name, containerPort, protocol })),
    volumes: egg.volumes.map(({ name, path, kind }) => ({ name, path, kind })),
    stopSignal: egg.stop.signal,
    stopGraceMs: egg.stop.graceMs,
    stopCommand: stopOf(egg).command ?? "",
    tty: egg.tty ?? false,
    defaultResources: resourcesView(egg.defaultResources),
    startBudgetMs: startBudgetOf(egg),
    constraints: [...(egg.constraints ?? [])],
    architectures: [...(egg.architectures ?? [])],
    healthCheck: healthCheckText(egg.health),
    ...(egg.panel === undefined ? {} : { panel: panelView(egg.panel) }),
  };
}

/** What of an egg differs after a change. A default that may not be seen is masked in both, and so is no change. */
export function changesView(
  before: EggDefinition,
  after: EggDefinition,
  sight: EggSight,
): { readonly changes: MessageInitShape<typeof EggChangeSchema>[]; readonly changesTotal: number } {
  const shown = (egg: EggDefinition): EggDefinition =>
    sight === "whole"
      ? egg
      : {
          ...egg,
          variables: egg.variables.map((one) => (hidesDefault(one) ? { ...one, defaultValue: MASK } : one)),
        };
  const { changes, total } = eggChanges(shown(before), shown(after));
  const views = changes.map(({ path, before, after }) => ({
    path,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  }));
  return { changes: views, changesTotal: total };
}

function variableView(variable: EggVariable, sight: EggSight): MessageInitShape<typeof EggVariableSchema> {
  const { name, description, required, pattern } = variable;
  return {
    ...{ name, description, required, pattern },
    defaultValue: sight === "masked" && hidesDefault(variable) ? MASK : variable.defaultValue,
    displayName: variable.displayName ?? "",
    rules: [...(variable.rules ?? [])],
    userViewable: variable.userViewable ?? true,
    userEditable: variable.userEditable ?? true,
  };
}

function panelView(panel: PanelFacts): MessageInitShape<typeof EggPanelFactsSchema> {
  const { author, uuid, exportedAt, updateUrl, stop, install } = panel;
  return {
    ...{ author, uuid, exportedAt, updateUrl, stop },
    tags: [...panel.tags],
    features: [...panel.features],
    fileDenylist: [...panel.fileDenylist],
    done: [...panel.done],
    configFiles: panel.configFiles.map(({ path, parser, replacements }) => {
      return { path, parser, replacements: replacements.length };
    }),
    installImage: install?.image ?? "",
    installEntrypoint: install?.entrypoint ?? "",
    installScriptBytes: Buffer.byteLength(install?.script ?? ""),
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
