import { create } from "@bufbuild/protobuf";
import {
  type EggConfigFileDraft,
  type EggDraft,
  EggDraftSchema,
  type EggHealthCheck,
  type EggPanelDraft,
  EggPanelDraftSchema,
  type EggVariableDraft,
} from "@lormas/gen/lormas/api/v1/egg_draft_pb.ts";
import type { HealthCheckSpec, VolumeSpec } from "../../domain/workload.ts";
import { BLANK_EGG, type EggEdit } from "../../eggs/edited-egg.ts";
import type { EggVariable } from "../../eggs/egg-definition.ts";
import type { ConfigFile, ConfigReplacement, ConfigScalar, PanelFacts } from "../../eggs/panel-facts.ts";
import { maskNames } from "../field-mask.ts";
import { wantedResources } from "./container-wish.ts";

/** Where nothing is said of a health check. */
const CHECK_MS = 1_000;

/** What each field of a draft sets, but for category and panel. */
const FIELDS: Readonly<Record<string, (draft: EggDraft) => EggEdit>> = {
  name: ({ name }) => ({ name }),
  description: ({ description }) => ({ description }),
  version: ({ version }) => ({ version: version || BLANK_EGG.version }),
  images: ({ images }) => ({ images: images.map(({ name, image }) => ({ name, image })) }),
  startup: ({ startup }) => ({ startup: { ...startup } }),
  variables: ({ variables }) => ({ variables: variables.map(variableOf) }),
  ports: ({ ports }) => ({
    ports: ports.map(({ name, containerPort, protocol }) => {
      return { name, containerPort, protocol: protocol === "udp" ? "udp" : "tcp" };
    }),
  }),
  volumes: ({ volumes }) => ({
    // The contract lets no other kind through.
    volumes: volumes.map(({ name, path, kind }) => ({ name, path, kind: kind as VolumeSpec["kind"] })),
  }),
  stop_signal: ({ stopSignal }) => ({ stop: { signal: stopSignal || BLANK_EGG.stop.signal } }),
  stop_grace_ms: ({ stopGraceMs }) => ({ stop: { graceMs: stopGraceMs ?? BLANK_EGG.stop.graceMs } }),
  stop_command: ({ stopCommand }) => ({ stop: { command: stopCommand.trim() } }),
  health: ({ health }) => ({ health: health === undefined ? null : healthOf(health) }),
  tty: ({ tty }) => ({ tty: tty ? true : undefined }),
  start_budget_ms: ({ startBudgetMs }) => ({ startBudgetMs: startBudgetMs ?? null }),
  default_resources: ({ defaultResources }) => {
    const { cpuMillis, memoryBytes, diskBytes } = wantedResources(defaultResources);
    const fallback = BLANK_EGG.defaultResources;
    return {
      defaultResources: {
        cpuMillis: cpuMillis || fallback.cpuMillis,
        memoryBytes: memoryBytes || fallback.memoryBytes,
        diskBytes: diskBytes || fallback.diskBytes,
      },
    };
  },
  constraints: ({ constraints }) => ({ constraints: [...constraints] }),
  architectures: ({ architectures }) => ({ architectures: [...architectures] }),
};

const PANEL_FIELDS: Readonly<Record<string, (panel: EggPanelDraft) => Partial<PanelFacts>>> = {
  startup_commands: ({ startupCommands }) => ({
    startupCommands: startupCommands.map(({ name, command }) => ({ name, command })),
  }),
  done: ({ done }) => ({ done: [...done] }),
  config_files: ({ configFiles }) => ({ configFiles: configFiles.map(configFileOf) }),
  install: ({ install }) => {
    if (install === undefined) return { install: null };
    const { script, image, entrypoint } = install;
    return { install: { script, image, entrypoint } };
  },
  author: ({ author }) => ({ author }),
  update_url: ({ updateUrl }) => ({ updateUrl }),
  tags: ({ tags }) => ({ tags: [...tags] }),
  features: ({ features }) => ({ features: [...features] }),
  file_denylist: ({ fileDenylist }) => ({ fileDenylist: [...fileDenylist] }),
};

/** The fields that a mask names, in proto notation; of `panel` also its own ("panel.done"). Refusals: invalid_argument. */
export function draftMask(mask: readonly string[]): string[] {
  return mask.map((path) => {
    const [, head = path, part] = /^(panel)\.(.*)$/.exec(path) ?? [];
    const [name = ""] = maskNames(EggDraftSchema, [head], EggDraftSchema.fields);
    if (part === undefined) return name;
    return `${name}.${maskNames(EggPanelDraftSchema, [part], EggPanelDraftSchema.fields)[0]}`;
  });
}

/** What a draft sets of an egg, but for its category; `mask` empty: everything. */
export function eggEdit(draft: EggDraft, mask: readonly string[]): EggEdit {
  const isSet = (field: string): boolean => mask.length === 0 || mask.includes(field);
  let edit: EggEdit = {};
  for (const [field, of] of Object.entries(FIELDS)) {
    if (!isSet(field)) continue;
    const { stop, ...rest } = of(draft);
    edit = { ...edit, ...rest, ...(stop === undefined ? {} : { stop: { ...edit.stop, ...stop } }) };
  }
  const panel = panelEdit(draft.panel, mask, isSet("panel"));
  return panel === undefined ? edit : { ...edit, panel };
}

function panelEdit(panel: EggPanelDraft | undefined, mask: readonly string[], whole: boolean): EggEdit["panel"] {
  const names = Object.keys(PANEL_FIELDS).filter((name) => whole || mask.includes(`panel.${name}`));
  if (whole && panel === undefined) return null;
  if (names.length === 0) return undefined;
  const facts = names.map((name) => PANEL_FIELDS[name]?.(panel ?? create(EggPanelDraftSchema)) ?? {});
  return { whole, facts: Object.assign({}, ...facts) as Partial<PanelFacts> };
}

function variableOf(draft: EggVariableDraft): EggVariable {
  const { name, description, defaultValue, required, pattern, displayName, rules } = draft;
  const { userViewable = true, userEditable = true } = draft;
  return {
    ...{ name, description, defaultValue, required, pattern, rules: [...rules], userViewable, userEditable },
    displayName: displayName || name,
  };
}

function healthOf({ kind, port, path, command, intervalMs, timeoutMs }: EggHealthCheck): HealthCheckSpec {
  return {
    // The contract lets no other kind through.
    kind: kind as HealthCheckSpec["kind"],
    portName: kind === "command" ? "" : port,
    path: kind === "http" ? path || "/" : "",
    command: kind === "command" ? command : "",
    intervalMs: intervalMs ?? CHECK_MS,
    timeoutMs: timeoutMs ?? CHECK_MS,
  };
}

/** Values of one place that hold in certain cases are one replacement, as panels have it. */
function configFileOf({ path, parser, values }: EggConfigFileDraft): ConfigFile {
  const replacements: ConfigReplacement[] = [];
  const cases = new Map<string, { readonly ifValue: string; readonly value: ConfigScalar }[]>();
  for (const { match, ifValue, text, flag } of values) {
    const value = flag ?? text;
    if (ifValue === undefined) {
      replacements.push({ match, value });
      continue;
    }
    const there = cases.get(match);
    if (there !== undefined) {
      there.push({ ifValue, value });
      continue;
    }
    const first = [{ ifValue, value }];
    cases.set(match, first);
    replacements.push({ match, value: first });
  }
  return { path, parser, replacements };
}
