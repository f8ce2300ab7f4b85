import { create } from "@bufbuild/protobuf";
import {
  ListRegistriesResponseSchema,
  type Registry,
  RegistrySchema,
  TestRegistryResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { type ExitCode, exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type Column, tableLines } from "../output/table.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

interface ClusterOptions extends ApiOptions {
  readonly cluster?: string;
}

interface AddOptions extends ClusterOptions {
  readonly username: string;
  readonly passwordStdin?: boolean;
}

const columns: Column<Registry>[] = [
  { title: "SERVER", value: ({ server }) => server },
  { title: "FOR", value: ({ clusterName }) => (clusterName === "" ? "everything" : `cluster ${clusterName}`) },
  { title: "USERNAME", value: ({ username }) => username },
  { title: "SET BY", value: ({ setBy }) => setBy },
];

/** `lormas registry …`. */
export function addRegistryCommands(program: Command, context: CliContext, end: (code: ExitCode) => void): void {
  const group = program.command("registry").description("who nodes are at registries of images");
  watchable(apiCommand(group, "list", "list the logins that are set", "lormas registry list"))
    .alias("ls")
    .action(async (options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const { registries } = await api.registries.listRegistries({});
        const answer = create(ListRegistriesResponseSchema, { registries });
        return {
          json: (indent) => jsonText(ListRegistriesResponseSchema, answer, indent),
          lines: (screen) => tableLines(columns, registries, screen.columns, screen.colors),
        };
      });
    });
  ofCluster(
    apiCommand(
      group,
      "add <server>",
      "set the login for a registry, in place of what was set; the password is asked",
      "lormas registry add registry.example.org:5000 --username robot --password-stdin < password.txt",
    ),
  )
    .requiredOption("--username <name>", "the user's name at the registry")
    .option("--password-stdin", "read the password, or an access token, from stdin instead of asking")
    .action(async (server: string, options: AddOptions) => {
      const { username, passwordStdin = false } = options;
      const password = passwordStdin
        ? await context.ask.piped("the password")
        : await context.ask.line(`Password of ${username} at ${server}`, true, "give --password-stdin");
      const { registry } = await inCluster(context, options, (api, cluster) =>
        api.registries.setRegistry({ server, cluster, username, password }),
      );
      if (registry === undefined) throw new CliFailure(exitCode.failed, "the coordinator shows no login", "");
      if (options.output === "json") context.print(jsonText(RegistrySchema, registry, true));
      else for (const line of tableLines(columns, [registry], context.columns())) context.print(line);
    });
  ofCluster(
    apiCommand(
      group,
      "remove <server>",
      "take a login away; images that nodes have stay there",
      "lormas registry remove registry.example.org:5000",
    ),
  )
    .alias("rm")
    .action(async (server: string, options: ClusterOptions) => {
      await inCluster(context, options, (api, cluster) => api.registries.removeRegistry({ server, cluster }));
      if (options.output === "json") context.print("{}");
      else context.print(plainText(`nodes are nobody at ${server} any more`));
    });
  ofCluster(
    apiCommand(
      group,
      "test <server>",
      "ask the registry, from the coordinator, whether it takes the login; exit code 1: it does not",
      "lormas registry test registry.example.org:5000",
    ),
  ).action(async (server: string, options: ClusterOptions) => {
    const answer = await inCluster(context, options, (api, cluster) =>
      api.registries.testRegistry({ server, cluster }),
    );
    if (options.output === "json") context.print(jsonText(TestRegistryResponseSchema, answer, true));
    else context.print(plainText(answer.detail));
    if (!answer.ok) end(exitCode.failed);
  });
}

function ofCluster(command: Command): Command {
  return command.option(
    "--cluster <cluster>",
    "for the nodes of a cluster (name or id), before the one for everything",
  );
}

function inCluster<T>(
  context: CliContext,
  options: ClusterOptions,
  ask: (api: ReturnType<CliContext["api"]>, cluster: string) => Promise<T>,
): Promise<T> {
  const api = context.api(options);
  if (options.cluster === undefined) return ask(api, "");
  return withPrefix(api, "cluster", options.cluster, "strict", (cluster) => ask(api, cluster));
}
