import { writeFile } from "node:fs/promises";
import { ExportEggResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";

const FORMATS = ["ptdl_v1", "ptdl_v2", "plcn_v1", "plcn_v2", "plcn_v3", "lormas"];

interface ExportOptions extends ApiOptions {
  readonly format?: string;
  readonly syntax?: string;
  readonly file?: string;
}

/** `lormas egg export`. */
export function addEggExport(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "export <egg>",
    "write an egg for Pterodactyl (ptdl), Pelican (plcn) or Lormas",
    "lormas egg export paper --format ptdl_v2 -f egg-paper.json",
  )
    .addOption(new Option("--format <format>", "default: the one that it came in, otherwise lormas").choices(FORMATS))
    .addOption(
      new Option("--syntax <syntax>", "default: the one that it came in, otherwise json").choices(["json", "yaml"]),
    )
    .option("-f, --file <file>", "write it there; replaces the file")
    .action(async (id: string, options: ExportOptions) => {
      const { format = "", syntax = "", file } = options;
      const answer = await context.api(options).eggs.exportEgg({ id, format, syntax });
      if (file !== undefined) await save(file, answer.content);
      if (options.output === "json") context.print(jsonText(ExportEggResponseSchema, answer, true));
      else if (file === undefined) context.print(answer.content.replace(/\n$/, ""));
      else context.print(`${file} has ${id} in ${answer.format} (${answer.syntax})`);
      if (answer.extraFields.length > 0) {
        context.warn(`${answer.format} has no place for ${answer.extraFields.join(", ")}: kept under the key lormas`);
      }
    });
}

async function save(file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CliFailure(exitCode.failed, `${file} cannot be written: ${reason}`, "name a file that can be written");
  }
}
