import { Argument, type Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { LOCAL_CONTEXT } from "../client/context-store.ts";
import { completionScript, SHELLS, type Shell } from "../completion/completion-script.ts";
import { type Suggestion, wantedCompletion } from "../completion/wanted-completion.ts";
import { plainText } from "../output/plain-text.ts";
import { alertStateWord, containerStatusWord, nodeStatusWord, outcomeWord } from "../output/wording.ts";

/** Within this the coordinator has to answer, and the process is over a moment later, milliseconds. */
export const COMPLETION_MS_MAX = 1_000;
/** Things that the coordinator is asked for: the first of the list. */
const THINGS_MAX = 500;
const NEWEST_MAX = 50;

const EXAMPLES = `
Example:
  source <(lormas completion bash)             # in ~/.bashrc
  source <(lormas completion zsh)              # in ~/.zshrc, after compinit
  lormas completion fish | source              # in ~/.config/fish/config.fish
`;

/** `lormas completion`, and the hidden command that its scripts ask. */
export function addCompletionCommands(program: Command, context: CliContext): void {
  program
    .command("completion")
    .description("print a script that completes commands, flags and names in your shell")
    .addArgument(new Argument("<shell>", "your shell").choices(SHELLS))
    .addHelpText("after", EXAMPLES)
    .action((shell: Shell) => context.print(completionScript(shell).trimEnd()));
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: string[]) => {
      const current = words.at(-1) ?? "";
      const wanted = wantedCompletion(program, words.slice(0, -1), current);
      const named = await inTime(context, () => namesOf(context, wanted.kind, wanted.flags));
      const all = [
        ...wanted.words,
        ...named.map(({ value, description }) => ({ value: wanted.prefix + value, description })),
      ];
      for (const { value, description } of all) {
        if (!value.startsWith(current)) continue;
        const about = plainText(description).split(/[.;:] /, 1)[0] ?? "";
        context.print(about === "" ? value : `${value}\t${about}`);
      }
      context.print(wanted.kind === "file" ? ":files" : wanted.kind === "dir" ? ":dirs" : ":done");
      // What was asked and has not answered would keep the process, and with it the shell's line.
      context.leave();
    });
}

/** Whatever goes wrong, somebody is in the middle of typing: there is nothing to suggest then. */
async function inTime(context: CliContext, ask: () => Promise<Suggestion[]>): Promise<Suggestion[]> {
  return await new Promise((resolve) => {
    const cancel = context.clock.after(COMPLETION_MS_MAX, () => resolve([]));
    Promise.resolve()
      .then(ask)
      .catch(() => [])
      .then((found) => {
        cancel();
        resolve(found);
      });
  });
}

async function namesOf(
  context: CliContext,
  kind: string | undefined,
  flags: Readonly<Record<string, string>>,
): Promise<Suggestion[]> {
  if (kind === "context") {
    const stored = Object.entries(context.contexts.read().contexts);
    const local = { value: LOCAL_CONTEXT, description: "the data dir's coordinator" };
    return [local, ...stored.map(([value, { url }]) => ({ value, description: url }))];
  }
  const list = kind === undefined ? undefined : LISTS[kind];
  return list === undefined ? [] : await list(context.api(flags));
}

type List = (api: ApiClient) => Promise<Suggestion[]>;
const soon = { timeoutMs: COMPLETION_MS_MAX };

/** By what the help calls an argument. */
const LISTS: Readonly<Record<string, List>> = {
  container: async ({ containers: client }) => {
    const { containers } = await client.listContainers({ pageSize: THINGS_MAX }, soon);
    return containers.map(({ name, status, nodeName }) => ({
      value: name,
      description: `${containerStatusWord(status)}${nodeName === "" ? "" : ` on ${nodeName}`}`,
    }));
  },
  node: async ({ nodes: client }) => {
    const { nodes } = await client.listNodes({ pageSize: THINGS_MAX }, soon);
    return nodes.map(({ name, status }) => ({ value: name, description: nodeStatusWord(status) }));
  },
  cluster: async ({ clusters: client }) => {
    const { clusters } = await client.listClusters({ pageSize: THINGS_MAX }, soon);
    return clusters.map(({ name, description }) => ({ value: name, description }));
  },
  egg: async ({ eggs: client }) => {
    const { eggs } = await client.listEggs({ pageSize: THINGS_MAX }, soon);
    return eggs.map(({ id, name }) => ({ value: id, description: name }));
  },
  profile: async ({ clusters: client }) => {
    const { profiles } = await client.listProfiles({}, soon);
    return profiles.map(({ policy, description }) => ({ value: policy?.profile ?? "", description }));
  },
  migration: async ({ migrations: client }) => {
    const { migrations } = await client.listMigrations({ pageSize: NEWEST_MAX }, soon);
    return migrations.map(({ id, containerName, outcome }) => ({
      value: id,
      description: `${containerName}, ${outcomeWord(outcome)}`,
    }));
  },
  alert: async ({ alerts: client }) => {
    const { alerts } = await client.listAlerts({ pageSize: NEWEST_MAX }, soon);
    return alerts.map(({ id, kind, state }) => ({ value: id, description: `${kind}, ${alertStateWord(state)}` }));
  },
  permission: async ({ access }) => {
    const { permissions } = await access.listRoles({}, soon);
    return permissions.map(({ name, description }) => ({ value: name, description }));
  },
  email: async ({ access }) => {
    const { users } = await access.listUsers({ pageSize: THINGS_MAX }, soon);
    return users.map(({ email, name }) => ({ value: email, description: name }));
  },
};
