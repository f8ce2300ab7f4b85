import type { EquipmentSpec, InstallSpec } from "../domain/workload.ts";
import type { EggDefinition } from "./egg-definition.ts";
import { SERVER_FOLDER } from "./interchange/panel-defaults.ts";
import { usableConfigFiles } from "./panel-config.ts";
import type { InstallScript } from "./panel-facts.ts";
import { usableReadyLines } from "./ready-lines.ts";

/** How long an install script may take: games of many GiB come over slow lines. */
const INSTALL_TIMEOUT_MS = 30 * 60_000;
/** What agents take. */
const SCRIPT_BYTES_MAX = 512 * 1024;
const IMAGE_CHARS_MAX = 512;
const ENTRYPOINT_CHARS_MAX = 256;
/** What reads a script of which the egg does not say it. */
const ENTRYPOINT_DEFAULT = "sh";

/** What a panel's egg wants done around a container's starts; undefined: nothing. */
export function panelEquipment({ panel, volumes }: EggDefinition): EquipmentSpec | undefined {
  if (panel === undefined) return undefined;
  const volume = (volumes.find(({ path }) => path === SERVER_FOLDER) ?? volumes[0])?.name ?? "";
  const readyLines = usableReadyLines(panel.done);
  const install = volume === "" ? null : installSpec(panel.install);
  const configFiles = volume === "" ? [] : usableConfigFiles(panel.configFiles);
  const isNothing = readyLines.length === 0 && install === null && configFiles.length === 0;
  return isNothing ? undefined : { volume, readyLines, install, configFiles };
}

function installSpec(install: InstallScript | null): InstallSpec | null {
  if (install === null || install.script.trim() === "" || installProblem(install) !== null) return null;
  const { image, script, entrypoint } = install;
  return { image, script, entrypoint: entrypoint.trim() || ENTRYPOINT_DEFAULT, timeoutMs: INSTALL_TIMEOUT_MS };
}

/** Why a script cannot be run; null: it can. */
export function installProblem({ image, script, entrypoint }: InstallScript): string | null {
  if (image.trim() === "") return "names no image to run in";
  if (image.length > IMAGE_CHARS_MAX) return `names an image of ${image.length} characters; at most ${IMAGE_CHARS_MAX}`;
  if (entrypoint.length > ENTRYPOINT_CHARS_MAX)
    return `has an entrypoint of more than ${ENTRYPOINT_CHARS_MAX} characters`;
  const bytes = Buffer.byteLength(script);
  return bytes > SCRIPT_BYTES_MAX ? `has ${bytes} bytes; at most ${SCRIPT_BYTES_MAX}` : null;
}
