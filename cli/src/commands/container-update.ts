import { ContainerSchema, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { collectPair, parseBytes, parseCpu, wholeNumber } from "../output/quantity.ts";
import { containerTypeWord, resourcesText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { type DryRunOptions, foretoldContainerText, triable } from "./dry-run.ts";
import { withPrefix } from "./id-prefix.ts";
import { collected } from "./repeated-option.ts";
import { type PriorityName, priorities } from "./restart-priority.ts";
import { secretEnvironment } from "./secret-env.ts";

interface UpdateOptions extends ApiOptions, DryRunOptions {
  readonly type?: "standard" | "ha";
  readonly cpu?: number;
  readonly memory?: bigint;
  readonly disk?: bigint;
  readonly env?: Record<string, string>;
  readonly secretEnv?: readonly string[];
  readonly unset?: readonly string[];
  readonly cluster?: string;
  readonly priority?: PriorityName;
  readonly moveAfter?: number;
  readonly dataLoss?: "allow" | "refuse";
  readonly constraint?: readonly string[];
  readonly arch?: readonly string[];
  readonly pull?: boolean;
  readonly etag?: string;
}

/** `lormas container update`. */
export function addContainerUpdateCommand(group: Command, context: CliContext): void {
  triable(
    apiCommand(
      group,
      "update <container>",
      "change what is given of it; type, resources and environment only while it is stopped",
      "lormas container update web --type ha --memory 1Gi",
    ),
  )
    .addOption(new Option("--type <type>", "standard, or ha: it moves when its node dies").choices(["standard", "ha"]))
    .option("--cpu <cores>", 'cores to reserve, such as "0.5"', parseCpu)
    .option("--memory <bytes>", 'memory to reserve, such as "256Mi"', parseBytes)
    .option("--disk <bytes>", 'disk to reserve, such as "1Gi"', parseBytes)
    .option("--env <name=value>", "a variable of the egg; may be given several times", collectPair)
    .option(
      "--secret-env <name=value>",
      "the same for a secret, which is sealed and never shown; NAME alone takes it from the environment",
      collected,
    )
    .option("--unset <name>", "a variable that gets the egg's default again; may be given again", collected)
    .option("--cluster <cluster>", 'the cluster to prefer (name or id); "" for none')
    .option(
      "--constraint <text>",
      'what it demands of a node\'s labels, instead of all so far; may be given again; "" for nothing',
      collected,
    )
    .option(
      "--arch <architecture>",
      'a CPU architecture that it runs on, instead of all so far; may be given again; "" for any',
      collected,
    )
    .addOption(
      new Option("--priority <priority>", "who goes first where not everybody can").choices(Object.keys(priorities)),
    )
    .option(
      "--move-after <failures>",
      "HA: failures in a row on one node after which it moves, 0 for never",
      wholeNumber(0, 10),
    )
    .addOption(
      new Option("--data-loss <what>", "when its node dies: start it elsewhere without its local data, or not").choices(
        ["allow", "refuse"],
      ),
    )
    .option("--pull", "its next start asks the registry what its image's name stands for now, and pins it to that")
    .option("--etag <etag>", "only if it still is what it was under this etag (container show -o json)", "")
    .action(async (given: string, options: UpdateOptions) => {
      const wish = wishOf(options, context.env);
      if (Object.keys(wish).length === 0) {
        throw new CliFailure(exitCode.usage, "nothing to change was given", "name it: --memory 1Gi, --type ha");
      }
      const api = context.api(options);
      const { dryRun: validateOnly = false } = options;
      const { container, warnings } = await withPrefix(api, "container", given, "strict", (id) =>
        api.containers.updateContainer({ id, ...wish, etag: options.etag ?? "", validateOnly }),
      );
      for (const warning of warnings) context.warn(plainText(`warning: ${warning}`));
      if (container === undefined) throw new CliFailure(exitCode.failed, `${given} was not changed`, "");
      if (options.output === "json") context.print(jsonText(ContainerSchema, container, true));
      else if (validateOnly) context.print(foretoldContainerText(container, "changed"));
      else {
        const { name, type, resources } = container;
        context.print(plainText(`${name} is changed: ${containerTypeWord(type)}, ${resourcesText(resources)}`));
      }
    });
}

/** Only what was given: what is left out stays as it is. */
function wishOf(options: UpdateOptions, environment: NodeJS.ProcessEnv) {
  const { cpu, memory, disk, type, env, secretEnv, unset, cluster, priority, moveAfter, dataLoss } = options;
  const { constraint, arch, pull = false } = options;
  const resized = cpu !== undefined || memory !== undefined || disk !== undefined;
  return {
    ...(type === undefined ? {} : { type: type === "ha" ? ContainerType.HA : ContainerType.STANDARD }),
    ...(resized ? { resources: { cpuMillis: cpu ?? 0, memoryBytes: memory ?? 0n, diskBytes: disk ?? 0n } } : {}),
    ...(env === undefined ? {} : { setEnvironment: env }),
    ...(secretEnv === undefined ? {} : { setSecretEnvironment: secretEnvironment(secretEnv, environment) }),
    ...(unset === undefined ? {} : { unsetEnvironment: [...unset] }),
    ...(cluster === undefined ? {} : { preferredCluster: cluster }),
    ...(priority === undefined ? {} : { restartPriority: priorities[priority] }),
    ...(moveAfter === undefined ? {} : { crashesBeforeMove: moveAfter }),
    ...(dataLoss === undefined ? {} : { allowDataLoss: dataLoss === "allow" }),
    ...(constraint === undefined ? {} : { constraints: { all: withoutEmpty(constraint) } }),
    ...(pull ? { pullImage: true } : {}),
    ...(arch === undefined ? {} : { architectures: { any: withoutEmpty(arch) } }),
  };
}

/** An empty value is how a list is emptied. */
const withoutEmpty = (given: readonly string[]): string[] => given.filter((text) => text.trim() !== "");
