import type { Egg } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type ImportEggResponse, ImportEggResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { EGG_BYTES_MAX } from "../egg/egg-source.ts";
import { fetchEgg } from "../egg/fetch-egg.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { changeLines, findingLines } from "./egg-report.ts";

const URL_CHARS_MAX = 2_048;

interface UpdateOptions extends ApiOptions {
  readonly dryRun?: boolean;
  readonly allowPrivate?: boolean;
}

/** `lormas egg update`. */
export function addEggUpdate(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "update <egg>",
    "import the newer version that an egg's own update URL gives; containers stay as they are",
    "lormas egg update paper --dry-run",
  )
    .option("--dry-run", "say what would change, and change nothing")
    .option("--allow-private", "also from a private network, and by http: the egg says where, not you")
    .action(async (id: string, options: UpdateOptions) => {
      const { eggs } = context.api(options);
      const { egg } = await eggs.getEgg({ id });
      if (egg === undefined) throw new CliFailure(exitCode.notFound, `there is no egg ${id}`, "lormas egg ls");
      const url = updateUrl(egg);
      const content = await fetchEgg(url, EGG_BYTES_MAX, context.clock, options.allowPrivate ? "anywhere" : "public");
      const wish = { content, id: egg.id, category: egg.categoryId, replace: true, etag: egg.etag };
      const seen = await eggs.importEgg({ ...wish, dryRun: true });
      const isSame = seen.changes.length === 0 && !hidesSomething(seen);
      // The very thing that was looked at is imported, over the very egg that it was held against.
      const answer = isSame || options.dryRun ? seen : await eggs.importEgg(wish);
      if (options.output === "json") return context.print(jsonText(ImportEggResponseSchema, answer, true));
      const verb = isSame ? "is as new as" : options.dryRun ? "would be updated from" : "is updated from";
      context.print(plainText(`${egg.id} ${verb} ${url}`));
      for (const line of changeLines(answer, context.columns())) context.print(line);
      if (!isSame) for (const line of findingLines(answer.findings, context.columns())) context.print(line);
    });
}

/** As a browser would write it. */
function updateUrl({ id, builtIn, panel }: Egg): string {
  if (builtIn) {
    throw new CliFailure(exitCode.conflict, `egg ${id} ships with Lormas`, "newer versions of Lormas bring newer ones");
  }
  const given = panel?.updateUrl ?? "";
  const nextStep = `import a newer one by its file or URL: lormas egg import SOURCE --id ${id} --replace`;
  if (given === "") throw new CliFailure(exitCode.conflict, `egg ${id} has no update URL`, nextStep);
  const url = given.length > URL_CHARS_MAX ? null : URL.parse(given);
  if (url === null) throw new CliFailure(exitCode.conflict, `the update URL of egg ${id} is no URL`, nextStep);
  return url.href;
}

/** Whether there is a default that the caller may not see: whether that changes he is not told. */
function hidesSomething({ egg }: ImportEggResponse): boolean {
  return egg?.variables.some(({ userViewable, defaultValue }) => !userViewable && defaultValue === "***") ?? false;
}
