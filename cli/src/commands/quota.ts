import { create } from "@bufbuild/protobuf";
import {
  ListQuotasResponseSchema,
  type Quota,
  type QuotaAmounts,
  QuotaSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { parseBytes, parseCpu, wholeNumber } from "../output/quantity.ts";
import { type Column, tableLines } from "../output/table.ts";
import { bytesText, coresText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

interface SubjectOptions extends ApiOptions {
  readonly user?: string;
  readonly cluster?: string;
}

interface LimitOptions extends SubjectOptions {
  readonly containers?: number;
  readonly cpu?: number;
  readonly memory?: bigint;
  readonly disk?: bigint;
  readonly ports?: number;
}

const of = (quota: Quota, text: (amounts: QuotaAmounts) => string | undefined): string =>
  `${(quota.used && text(quota.used)) ?? "0"} / ${(quota.limits && text(quota.limits)) ?? "any"}`;
const count = (amount: number | undefined): string | undefined => (amount === undefined ? undefined : String(amount));
const bytes = (amount: bigint | undefined): string | undefined =>
  amount === undefined ? undefined : bytesText(amount);

const columns: Column<Quota>[] = [
  { title: "OF", value: (quota) => quota.subjectKind },
  { title: "WHO", value: (quota) => quota.subject },
  { title: "CONTAINERS", value: (quota) => of(quota, ({ containers }) => count(containers)) },
  {
    title: "CPU",
    value: (quota) =>
      of(quota, ({ cpuMillis }) => (cpuMillis === undefined ? undefined : coresText(Number(cpuMillis)))),
  },
  { title: "MEMORY", value: (quota) => of(quota, ({ memoryBytes }) => bytes(memoryBytes)) },
  { title: "DISK", value: (quota) => of(quota, ({ diskBytes }) => bytes(diskBytes)) },
  { title: "PORTS", value: (quota) => of(quota, ({ ports }) => count(ports)) },
];

/** `lormas quota …`. */
export function addQuotaCommands(program: Command, context: CliContext): void {
  const group = program.command("quota").description("how much people and clusters may have");
  watchable(apiCommand(group, "ls", "list the quotas that are set, with what is used", "lormas quota ls"))
    .alias("list")
    .action(async (options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const { quotas } = await api.access.listQuotas({});
        return {
          json: (indent) => jsonText(ListQuotasResponseSchema, create(ListQuotasResponseSchema, { quotas }), indent),
          lines: (screen) => tableLines(columns, quotas, screen.columns, screen.colors),
        };
      });
    });
  ofSomebody(
    apiCommand(
      group,
      "set",
      "set how much somebody, or a cluster, may have; replaces what was set",
      "lormas quota set --user ann@example.org --containers 10 --memory 16Gi",
    ),
  )
    .option("--containers <count>", "containers", wholeNumber(0, 1_000_000))
    .option("--cpu <cores>", 'cores to reserve, such as "8"', parseCpu)
    .option("--memory <bytes>", 'memory to reserve, such as "16Gi"', parseBytes)
    .option("--disk <bytes>", 'disk to reserve, such as "100Gi"', parseBytes)
    .option("--ports <count>", "ports on hosts", wholeNumber(0, 1_000_000))
    .action(async (options: LimitOptions) => {
      const { containers, cpu, memory, disk, ports } = options;
      const limits = {
        ...(containers === undefined ? {} : { containers }),
        ...(cpu === undefined ? {} : { cpuMillis: BigInt(cpu) }),
        ...(memory === undefined ? {} : { memoryBytes: memory }),
        ...(disk === undefined ? {} : { diskBytes: disk }),
        ...(ports === undefined ? {} : { ports }),
      };
      if (Object.keys(limits).length === 0) {
        throw new CliFailure(exitCode.usage, "no limit was given", "name one: --containers 10, --memory 16Gi");
      }
      const api = context.api(options);
      const { quota } = await bySubject<{ readonly quota?: Quota | undefined }>(options, {
        user: (email) => api.access.setUserQuota({ email, limits }),
        cluster: (named) =>
          withPrefix(api, "cluster", named, "strict", (cluster) => api.access.setClusterQuota({ cluster, limits })),
      });
      if (quota === undefined) throw new CliFailure(exitCode.failed, "the coordinator shows no quota", "");
      if (options.output === "json") context.print(jsonText(QuotaSchema, quota, true));
      else for (const line of tableLines(columns, [quota], context.columns())) context.print(line);
    });
  ofSomebody(apiCommand(group, "rm", "take a quota away", "lormas quota rm --user ann@example.org")).action(
    async (options: SubjectOptions) => {
      const api = context.api(options);
      await bySubject<unknown>(options, {
        user: (email) => api.access.removeUserQuota({ email }),
        cluster: (named) =>
          withPrefix(api, "cluster", named, "strict", (cluster) => api.access.removeClusterQuota({ cluster })),
      });
      if (options.output === "json") context.print("{}");
      else context.print(plainText(`${options.user ?? options.cluster} may have as much as there is`));
    },
  );
}

function ofSomebody(command: Command): Command {
  return command
    .addOption(new Option("--user <email>", "whose: of a person").conflicts("cluster"))
    .option("--cluster <cluster>", "whose: of a cluster (name or id)");
}

function bySubject<T>(
  { user, cluster }: SubjectOptions,
  ask: { readonly user: (email: string) => Promise<T>; readonly cluster: (named: string) => Promise<T> },
): Promise<T> {
  if (user !== undefined) return ask.user(user);
  if (cluster !== undefined) return ask.cluster(cluster);
  throw new CliFailure(
    exitCode.usage,
    "it was not said whose quota",
    "name it: --user ann@example.org, --cluster local",
  );
}
