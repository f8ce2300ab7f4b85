import { readFile } from "node:fs/promises";
import { type DescMessage, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { type EggDraft, EggDraftSchema } from "@lormas/gen/lormas/api/v1/egg_draft_pb.ts";
import { CreateEggResponseSchema, UpdateEggResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { sendNamed } from "../client/named-request.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { type DryRunOptions, triable } from "./dry-run.ts";
import { changeLines, findingLines } from "./egg-report.ts";
import { collected } from "./repeated-option.ts";

interface DraftOptions extends ApiOptions, DryRunOptions {
  readonly name?: string;
  readonly description?: string;
  readonly category?: string;
  readonly eggVersion?: string;
  readonly image?: readonly string[];
  readonly startup?: readonly string[];
  readonly file?: string;
}

/** What of an egg was given, and the fields that it sets. */
type Given = { readonly egg: EggDraft; readonly mask: readonly string[] };

/** `lormas egg create` and `lormas egg edit`. */
export function addEggEditCommands(group: Command, context: CliContext): void {
  withDraft(
    apiCommand(
      group,
      "create <name>",
      "make an egg by hand",
      "lormas egg create 'My Server' --category Games --image box=busybox:1.37 --startup docker='exec serve'",
    ),
  )
    .option("--id <id>", "the egg's id (default: its name in lower case with hyphens)", "")
    .action(async (name: string, options: DraftOptions & { readonly id: string }) => {
      const { dryRun: validateOnly = false } = options;
      const { egg } = await givenOf(options);
      const answer = await sendNamed(context, (requestId) =>
        context.api(options).eggs.createEgg({ id: options.id, egg: { ...egg, name }, requestId, validateOnly }),
      );
      if (options.output === "json") return context.print(jsonText(CreateEggResponseSchema, answer, true));
      const verb = validateOnly ? "would be" : "is";
      context.print(plainText(`${answer.egg?.id ?? ""} ${verb} made, in ${answer.egg?.category ?? ""}`));
      for (const line of findingLines(answer.findings, context.columns())) context.print(line);
    });
  withDraft(
    apiCommand(
      group,
      "edit <egg>",
      "change what is given of an egg; containers of it stay as they are",
      "lormas egg edit my-server --image box=busybox:1.38",
    ),
  )
    .option("--name <name>", "its name for people")
    .option("--etag <etag>", "only if it still is what it was under this etag (egg show -o json)", "")
    .action(async (id: string, options: DraftOptions & { readonly etag: string }) => {
      const { egg, mask } = await givenOf(options);
      if (mask.length === 0) {
        throw new CliFailure(exitCode.usage, "nothing to change was given", "name it: --description …, --file FILE");
      }
      const { etag, dryRun: validateOnly = false } = options;
      const answer = await context.api(options).eggs.updateEgg({ id, egg, etag, updateMask: [...mask], validateOnly });
      if (options.output === "json") return context.print(jsonText(UpdateEggResponseSchema, answer, true));
      const verb = validateOnly ? "would be" : "is";
      context.print(plainText(`${id} ${verb} ${answer.changes.length === 0 ? "as it was" : "changed"}`));
      for (const line of changeLines(answer, context.columns())) context.print(line);
      for (const line of findingLines(answer.findings, context.columns())) context.print(line);
    });
}

function withDraft(command: Command): Command {
  return triable(command)
    .option("--description <text>", "what it is, for people")
    .option("--category <category>", "the category, by id or name, made when there is none")
    .option("--egg-version <version>", "its version")
    .option("--image <name=reference>", "an image, the default first; may be given again", collected)
    .option("--startup <runtime=line>", "the command line on docker or exec; may be given again", collected)
    .option(
      "-f, --file <file>",
      "JSON with all that an egg can be given (EggDraft of the API): variables, ports, volumes, health, panel; flags win",
    );
}

/** Only what was given: what is left out is not set. */
async function givenOf(options: DraftOptions): Promise<Given> {
  const { name, description, category, eggVersion, image, startup, file } = options;
  const flags: JsonObject = {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(category === undefined ? {} : { category }),
    ...(eggVersion === undefined ? {} : { version: eggVersion }),
    ...(image === undefined ? {} : { images: image.map(imageOf) }),
    ...(startup === undefined ? {} : { startup: Object.fromEntries(startup.map((text) => pairOf(text, "--startup"))) }),
  };
  const json = { ...(file === undefined ? {} : await readDraft(file)), ...flags };
  try {
    return { egg: fromJson(EggDraftSchema, json), mask: fieldsIn(EggDraftSchema, json) };
  } catch (thrown) {
    throw noDraft(file ?? "", thrown);
  }
}

/** "Java 21=java:21", or a reference alone. */
function imageOf(text: string): { name: string; image: string } {
  // In a reference "=" does not occur.
  if (!text.includes("=")) return { name: "", image: text };
  const [name, image] = pairOf(text, "--image");
  return { name, image };
}

function pairOf(text: string, flag: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new CliFailure(exitCode.usage, `${flag} ${JSON.stringify(text)} has no name`, `write ${flag} NAME=VALUE`);
}

async function readDraft(file: string): Promise<JsonObject> {
  try {
    const json: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as JsonObject;
  } catch (thrown) {
    throw noDraft(file, thrown);
  }
  throw noDraft(file, new Error("it is no object"));
}

function noDraft(file: string, thrown: unknown): CliFailure {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new CliFailure(
    exitCode.usage,
    `${file} holds no egg: ${reason}`,
    "write JSON with fields of EggDraft (docs/eggs.md)",
  );
}

/** The fields that some JSON names, as an update_mask has them: of "panel" its own. */
function fieldsIn(schema: DescMessage, json: JsonValue): string[] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return [];
  return Object.entries(json).flatMap(([key, value]) => {
    const field = schema.fields.find((one) => one.jsonName === key || one.name === key);
    if (field === undefined) return [];
    if (field.name !== "panel" || field.fieldKind !== "message" || value === null) return [field.name];
    return fieldsIn(field.message, value).map((name) => `panel.${name}`);
  });
}
