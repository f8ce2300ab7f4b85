import { configFileProblem, unfilledInConfig } from "../panel-config.ts";
import { installProblem } from "../panel-equipment.ts";
import type { ConfigFile } from "../panel-facts.ts";
import { unfilledPlaceholders } from "../panel-startup.ts";
import { readyLineFindings, usableReadyLines } from "../ready-lines.ts";
import { objectAt, textAt, textsOf, valueAt } from "./document-fields.ts";
import { type DocumentRecord, isRecord } from "./document-value.ts";
import type { EggFinding, FindingLevel } from "./egg-finding.ts";
import { imageKeyOf, readConfigFiles, readDone, readImages, readInstall, readStartupCommands } from "./read-panel.ts";
import { variableFindings, variableRecords } from "./read-variables.ts";
import { panelStop, STOP_COMMAND_BYTES_MAX } from "./stop-signal.ts";

const KNOWN = {
  top: [
    ...["_comment", "meta", "exported_at", "name", "author", "uuid", "description", "image", "tags", "features"],
    ...["docker_images", "images", "docker_image", "file_denylist", "startup", "startup_commands", "config", "scripts"],
    ...["variables", "lormas"],
  ],
  meta: ["version", "update_url"],
  config: ["files", "startup", "logs", "stop"],
  scripts: ["installation"],
  installation: ["script", "container", "entrypoint"],
  variable: [
    ...["name", "description", "env_variable", "default_value", "user_viewable", "user_editable", "rules"],
    ...["field_type", "sort"],
  ],
} as const;

/** What whoever imports a panel's egg should know: what cannot be used, what is kept and not used yet, and why. */
export function panelFindings(document: DocumentRecord): EggFinding[] {
  return [
    ...imageFindings(document),
    ...startupFindings(document),
    ...stopFindings(document),
    ...configFindings(document),
    ...installFindings(document),
    ...keptFindings(document),
    ...variableFindings(document),
    ...unknownFields(document),
  ];
}

function finding(level: FindingLevel, path: string, message: string): EggFinding {
  return { level, path, message };
}

function imageFindings(document: DocumentRecord): EggFinding[] {
  const images = readImages(document);
  if (images.length === 0) {
    const message = "no image: no container can be made of it; add docker_images and import it again";
    return [finding("error", "docker_images", message)];
  }
  const path = imageKeyOf(document) ?? "docker_images";
  if (images.length === 1) return [];
  const message = `${images.length} images: containers get ${JSON.stringify(images[0]?.name)} unless another is named when they are made`;
  return [finding("note", path, message)];
}

function startupFindings(document: DocumentRecord): EggFinding[] {
  const commands = readStartupCommands(document);
  const path = document.has("startup_commands") ? "startup_commands" : "startup";
  if (commands.length === 0) return [finding("warning", path, "no startup command: the image's own runs")];
  const findings = commands.flatMap(({ name, command }) => {
    const unfilled = unfilledPlaceholders(command);
    if (unfilled.length === 0) return [];
    const message = `the command ${JSON.stringify(name)} uses ${unfilled.join(", ")}, for which Lormas has no value: it stays as it is`;
    return [finding("warning", path, message)];
  });
  if (commands.length > 1) {
    const message = `${commands.length} commands: containers get ${JSON.stringify(commands[0]?.name)} unless another is named when they are made`;
    findings.push(finding("note", path, message));
  }
  const ports =
    'one allocation: the ports "game" (tcp) and "game-udp" (udp), SERVER_PORT inside of the container; fix both host ports where players need one number';
  return [...findings, finding("note", "", ports)];
}

/** Characters of a stop that a finding repeats. */
const SHOWN_MAX = 100;

function stopFindings(document: DocumentRecord): EggFinding[] {
  const stop = textAt(document, "config", "stop");
  const { kind, signal } = panelStop(stop);
  if (kind === "signal") return [];
  if (stop.trim() === "") return [finding("note", "config.stop", `says nothing: containers are stopped by ${signal}`)];
  if (kind === "console") return [];
  const message = `${JSON.stringify(stop.slice(0, SHOWN_MAX))} is neither a signal nor a command of at most ${STOP_COMMAND_BYTES_MAX} bytes: kept; containers are stopped by ${signal}`;
  return [finding("warning", "config.stop", message)];
}

function configFindings(document: DocumentRecord): EggFinding[] {
  const findings: EggFinding[] = [];
  for (const part of ["files", "startup", "logs"]) {
    if (objectAt(document, "config", part) !== undefined) continue;
    findings.push(finding("warning", `config.${part}`, "is no JSON object: kept as it is, not understood"));
  }
  findings.push(...configFileFindings(readConfigFiles(document)));
  const known = objectAt(document, "config", "files");
  const odd = known ? [...known].filter(([, file]) => !isRecord(file)).length : 0;
  if (odd > 0)
    findings.push(
      finding("warning", "config.files", `${odd} files have no parser and no values: kept, not understood`),
    );
  findings.push(...doneFindings(document));
  if (objectAt(document, "config", "logs")) {
    findings.push(finding("not_used", "config.logs", "kept, not used: containers' output is read as it is"));
  }
  return findings;
}

function configFileFindings(files: readonly ConfigFile[]): EggFinding[] {
  const path = "config.files";
  const findings: EggFinding[] = [];
  for (const file of files) {
    const name = JSON.stringify(file.path.slice(0, 120));
    const problem = configFileProblem(file);
    if (problem !== null) {
      findings.push(finding("warning", path, `the file ${name} ${problem}: kept, nothing is set in it`));
      continue;
    }
    const unfilled = unfilledInConfig(file);
    if (unfilled.length === 0) continue;
    const names = unfilled.slice(0, 5).join(", ");
    findings.push(finding("warning", path, `the file ${name} uses ${names}, for which Lormas has no value: it stays`));
  }
  const used = files.filter((file) => configFileProblem(file) === null);
  if (used.length > 0) {
    const names = used.map((file) => file.path).slice(0, 5);
    const message = `values are set before each start in ${used.length === 1 ? "the file" : `${used.length} files`}: ${names.join(", ")}`;
    findings.push(finding("note", path, message));
  }
  return findings;
}

function doneFindings(document: DocumentRecord): EggFinding[] {
  const done = readDone(document);
  if (done.length === 0) return [];
  const findings = readyLineFindings(done).flatMap(({ line, problem }) => {
    if (problem === null) return [];
    const message = `the line ${JSON.stringify(line.slice(0, 120))} ${problem}: kept, not waited for`;
    return [finding("warning", "config.startup.done", message)];
  });
  if (usableReadyLines(done).length === 0) {
    const message = "no line of these can be waited for: a container counts as running once its process does";
    findings.push(finding("warning", "config.startup.done", message));
  }
  return findings;
}

function installFindings(document: DocumentRecord): EggFinding[] {
  const install = readInstall(document);
  if (install === null || install.script.trim() === "") return [];
  const problem = installProblem(install);
  if (problem !== null) {
    const message = `the install script ${problem}: kept, not run; put the server's files into the volume yourself`;
    return [finding("warning", "scripts.installation", message)];
  }
  const message = `the install script runs in ${install.image}, as root of its own container, before the first start on a volume on which it has not run`;
  return [finding("note", "scripts.installation", message)];
}

function keptFindings(document: DocumentRecord): EggFinding[] {
  const findings: EggFinding[] = [];
  const kept = (path: string, holds: boolean, why: string): void => {
    if (holds) findings.push(finding("not_used", path, `kept, not used yet: ${why}`));
  };
  kept(
    "file_denylist",
    textsOf(document.get("file_denylist")).length > 0,
    "it bars users from files, and nobody reaches a server's files through Lormas",
  );
  kept("features", textsOf(document.get("features")).length > 0, "they are help that a panel's console page offers");
  if (textAt(document, "meta", "update_url") !== "") {
    const message = "where `lormas egg update` looks for a newer one; nothing looks there by itself";
    findings.push(finding("note", "meta.update_url", message));
  }
  const icon = textAt(document, "image");
  kept("image", icon !== "" && imageKeyOf(document) !== "image", "Lormas shows no icons");
  return findings;
}

function unknownFields(document: DocumentRecord): EggFinding[] {
  const findings: EggFinding[] = [];
  const look = (value: unknown, known: readonly string[], path: string): void => {
    if (!(value instanceof Map)) return;
    for (const key of value.keys()) {
      if (known.includes(String(key))) continue;
      const where = `${path}${path === "" ? "" : "."}${String(key).slice(0, 64)}`;
      findings.push(finding("note", where, "a field that Lormas does not know: kept"));
    }
  };
  look(document, KNOWN.top, "");
  look(document.get("meta"), KNOWN.meta, "meta");
  look(document.get("config"), KNOWN.config, "config");
  look(document.get("scripts"), KNOWN.scripts, "scripts");
  look(valueAt(document, "scripts", "installation"), KNOWN.installation, "scripts.installation");
  variableRecords(document).forEach((record, index) => {
    look(record, KNOWN.variable, `variables[${index}]`);
  });
  return findings;
}
