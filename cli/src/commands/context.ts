import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { readCertificates } from "../client/certificate-file.ts";
import { checkContextName, LOCAL_CONTEXT, type StoredContext } from "../client/context-store.ts";
import { checkToken, localUrl, parseUrl } from "../client/coordinator-access.ts";
import { exitCode } from "../exit-code.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { caFileOption, outputOption } from "./api-command.ts";

type Output = { readonly output: "table" | "json" };
type Row = { readonly name: string; readonly current: boolean } & Omit<StoredContext, "credential"> & {
    readonly as: string;
  };

const columns: Column<Row>[] = [
  { title: "CURRENT", value: ({ current }) => (current ? "*" : "") },
  { title: "NAME", value: ({ name }) => name },
  { title: "URL", value: ({ url }) => url || "-" },
  { title: "SIGNED IN BY", value: ({ as }) => as },
  { title: "CERTIFICATES", value: authorities },
];

/** `lormas context …`. */
export function addContextCommands(program: Command, context: CliContext): void {
  const group = program.command("context").description("the coordinators that this CLI knows, and which one is asked");
  group
    .command("ls")
    .description("list the contexts; * is the current one")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  lormas context ls\n")
    .action(({ output }: Output) => {
      const found = rows(context);
      if (output === "json") context.print(JSON.stringify({ contexts: found.map(jsonOf) }, null, 2));
      else for (const line of tableLines(columns, found, context.columns())) context.print(line);
    });
  group
    .command("show")
    .description("show one context, without its secrets; by default the current one")
    .argument("[context]", "its name")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  lormas context show production\n")
    .action((name: string | undefined, { output }: Output) => {
      const wanted = name ?? context.contexts.read().current;
      if (wanted !== LOCAL_CONTEXT) context.contexts.get(wanted);
      const row = rows(context).find((candidate) => candidate.name === wanted);
      if (row === undefined) return;
      if (output === "json") return context.print(JSON.stringify(jsonOf(row), null, 2));
      const facts: [string, string][] = [
        ["Name", row.name],
        ["Current", row.current ? "yes" : "no"],
        ["URL", row.url],
        ["Signed in by", row.as],
        ["Certificates", authorities(row)],
        ["Kept in", row.name === LOCAL_CONTEXT ? context.dataDir({}).path : context.contexts.path],
      ];
      for (const line of factLines(facts)) context.print(line);
    });
  group
    .command("use")
    .description("make a context the current one")
    .argument("<context>", `its name; "${LOCAL_CONTEXT}" is the coordinator of the data dir`)
    .addHelpText("after", "\nExample:\n  lormas context use production\n")
    .action((name: string) => {
      if (name !== LOCAL_CONTEXT) context.contexts.get(name);
      context.contexts.update((contexts) => ({ ...contexts, current: name }));
      context.print(`${name} is the current context`);
      for (const variable of ["LORMAS_URL", "LORMAS_CONTEXT", "LORMAS_DATA_DIR"]) {
        if ((context.env[variable] ?? "") !== "") context.warn(`warning: ${variable} is set and wins over it`);
      }
    });
  addAdd(group, context);
  group
    .command("rm")
    .description("remove a context with its credentials; they stay valid: lormas logout ends them first")
    .argument("<context>", "its name")
    .addHelpText("after", "\nExample:\n  lormas context rm staging\n")
    .action((name: string) => {
      checkContextName(name);
      const { credential } = context.contexts.get(name);
      context.contexts.update(({ current, contexts }) => ({
        current: current === name ? LOCAL_CONTEXT : current,
        contexts: Object.fromEntries(Object.entries(contexts).filter(([other]) => other !== name)),
      }));
      context.print(`${name} is removed; the current context is ${context.contexts.read().current}`);
      if (credential?.kind === "token" && credential.madeAs !== undefined) {
        context.warn(
          `warning: its token ${credential.madeAs} is still valid: lormas token revoke ${credential.madeAs}`,
        );
      }
    });
}

type AddOptions = {
  readonly url: string;
  readonly caFile?: string;
  readonly tokenStdin?: boolean;
  readonly use?: boolean;
};

function addAdd(group: Command, context: CliContext): void {
  group
    .command("add")
    .description("add a context; lormas login does that and signs in")
    .argument("<name>", "how it is called")
    .requiredOption("--url <url>", "the coordinator")
    .addOption(caFileOption())
    .option("--token-stdin", "read the API token from stdin")
    .option("--use", "make it the current one")
    .addHelpText("after", "\nExample:\n  lormas context add staging --url https://staging.example.org --use\n")
    .action(async (name: string, options: AddOptions) => {
      checkContextName(name);
      if (Object.hasOwn(context.contexts.read().contexts, name)) {
        throw new CliFailure(
          exitCode.conflict,
          `there is a context ${name} already`,
          `lormas context rm ${name}, or take another name`,
        );
      }
      const url = parseUrl(options.url);
      const ca = options.caFile === undefined ? {} : { ca: readCertificates(options.caFile) };
      const secret = options.tokenStdin === true ? (await context.ask.piped("the token")).trim() : undefined;
      const credential =
        secret === undefined ? {} : { credential: { kind: "token" as const, secret: checkToken(secret, "stdin") } };
      context.contexts.put(name, { url, ...ca, ...credential }, options.use === true);
      context.print(`${name} is ${url}${options.use === true ? ", the current context" : ""}`);
      if (secret === undefined) context.warn(`Nobody is signed in there yet: lormas login --context ${name}`);
    });
}

function rows(context: CliContext): Row[] {
  const { current, contexts } = context.contexts.read();
  const local: Row = {
    name: LOCAL_CONTEXT,
    current: current === LOCAL_CONTEXT,
    url: localUrl(context.dataDir({})) ?? "",
    as: "the data dir's token",
  };
  const stored = Object.entries(contexts).map(([name, stored]) => ({
    name,
    current: current === name,
    url: stored.url,
    as: credentialText(stored),
    ...(stored.ca === undefined ? {} : { ca: stored.ca }),
  }));
  return [local, ...stored];
}

function jsonOf({ name, current, url, as, ca }: Row) {
  return { name, current, url: url === "" ? null : url, signedInBy: as, pinned: ca !== undefined };
}

function credentialText({ credential }: StoredContext): string {
  if (credential === undefined) return "nobody";
  if (credential.kind === "session") return `session of ${credential.email}`;
  return credential.madeAs === undefined ? "a token" : `token ${credential.madeAs}`;
}

function authorities({ url, ca }: Row): string {
  if (!url.startsWith("https:")) return "";
  return ca === undefined ? "of the machine" : "pinned";
}
