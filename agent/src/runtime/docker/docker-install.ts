import type { InstallScript, WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type Docker from "dockerode";
import type { ContainerCreateOptions, MountSettings } from "dockerode";
import type { Timers } from "../../clock/clock.ts";
import { type InstallRequest, RuntimeFault } from "../container-runtime.ts";
import { type DockerPlace, dockerCreateOptions, LABELS } from "./docker-create-options.ts";
import { awaitContainerEnd } from "./docker-end.ts";
import { dockerFault, engineStatus } from "./docker-fault.ts";
import { dockerLogLines } from "./docker-log-stream.ts";
import { tarOfFile } from "./tar-file.ts";

/** Where the script finds the volume, and where it is put itself. */
const VOLUME_TARGET = "/mnt/server";
const SCRIPT_FILE = "mnt/install/install.sh";
/** Stands in a volume whose script has ended well. */
export const INSTALLED_FILE = ".lormas-installed";
const CALL_MS = 10_000;
const CREATE_MS = 60_000;
const KILL_MS = 10_000;
export const INSTALL_MS_DEFAULT = 1_800_000;
/** Of a script that failed, what is shown. */
const LAST_LINES = 20;
const LINE_CHARS = 200;
const LAST_CHARS = 1_200;

/**
 * Runs the script, and makes all of the volume the property of whom its folder belongs to: the user of the server's own image,
 * which is nobody in the script's. The mark comes last.
 */
const RUNNER = [
  `cd ${VOLUME_TARGET} || exit 126`,
  `owner=$(stat -c %u:%g ${VOLUME_TARGET}) && rm -f ${VOLUME_TARGET}/${INSTALLED_FILE} || exit 126`,
  `"$@" /${SCRIPT_FILE}`,
  "code=$?",
  `if [ $code -ne 0 ]; then chown "$owner" ${VOLUME_TARGET}; exit $code; fi`,
  `chown -R "$owner" ${VOLUME_TARGET} && : > ${VOLUME_TARGET}/${INSTALLED_FILE}`,
].join("\n");

export type DockerInstallParts = {
  readonly docker: Docker;
  readonly place: DockerPlace;
  readonly timers: Timers;
  readonly call: <T>(what: string, withinMs: number, act: () => Promise<T>) => Promise<T>;
  readonly pull: (image: string, cut?: AbortSignal) => Promise<void>;
  /** The copies of a container, ended ones included. */
  readonly copies: (containerId: string) => Promise<readonly Docker.ContainerInfo[]>;
  readonly remove: (engineId: string) => Promise<void>;
};

/** See ContainerRuntime.install. The volumes are there. */
export async function installOnVolume(request: InstallRequest, parts: DockerInstallParts): Promise<void> {
  const { spec, cut } = request;
  const install = spec.equipment?.install;
  if (!install) return;
  const [before] = await parts.copies(spec.containerId);
  const what = `container ${spec.containerName}`;
  // The copy of the server's own image is what gives an empty volume the files and the owner that the image has there.
  const create = (options: ContainerCreateOptions) =>
    parts.call(what, CREATE_MS, () => parts.docker.createContainer(options));
  const own = dockerCreateOptions(spec, request.epoch, request.session, parts.place);
  const looked = before === undefined ? await create(own) : parts.docker.getContainer(before.Id);
  // The copy of a script, kept for its output, has the volume elsewhere than the server.
  const isScript = before !== undefined && LABELS.install in before.Labels;
  const folder = isScript ? VOLUME_TARGET : volumeOf(spec).path;
  const isInstalled = await fileExists(looked, `${folder}/${INSTALLED_FILE}`, parts).finally(async () => {
    // One that was made for the look alone.
    if (before === undefined) await parts.remove(looked.id);
  });
  if (isInstalled && !request.again) return;
  await parts.pull(install.image, cut);
  for (const { Id } of await parts.copies(spec.containerId)) await parts.remove(Id);
  const container = await create(installOptions(own, spec, install));
  try {
    const archive = tarOfFile({ name: SCRIPT_FILE, mode: 0o755, uid: 0, gid: 0 }, scriptBytes(install));
    await parts.call(what, CREATE_MS, () => container.putArchive(archive, { path: "/" }));
    await request.release();
    await parts.call(what, CREATE_MS, () => container.start());
  } catch (error) {
    await parts.remove(container.id);
    throw dockerFault(error, `the install script of ${what} could not be started`);
  }
  const problem = await outcome(container, install, parts, cut);
  if (problem !== null) throw new RuntimeFault("install_failed", `the install script of ${what} ${problem}`);
  // Of one that was asked for the output stays; before a start it makes room for the copy.
  if (!request.again) await parts.remove(container.id);
}

function volumeOf(spec: WorkloadSpec): WorkloadSpec["volumes"][number] {
  const volume = spec.volumes.find(({ name }) => name === spec.equipment?.volume);
  if (volume) return volume;
  throw new RuntimeFault("runtime_error", `container ${spec.containerName} has no volume to install on: mend its egg`);
}

function scriptBytes({ script }: InstallScript): Buffer {
  return Buffer.from(script.replaceAll("\r\n", "\n"), "utf8");
}

/** All that holds for the container holds for its script, but for image, user and what is run: no more rights, no ports. */
function installOptions(
  own: ContainerCreateOptions & { name: string },
  spec: WorkloadSpec,
  install: InstallScript,
): ContainerCreateOptions {
  const { PortBindings: _ports, Mounts: mounts, ...host } = own.HostConfig ?? {};
  const mount = mounts?.find(({ Target }) => Target === volumeOf(spec).path);
  // What its image has there, an owner at least, is not the server's: the engine would give it to an empty volume.
  // The types ask for more than the engine does.
  const options = { NoCopy: true } as NonNullable<MountSettings["VolumeOptions"]>;
  const bare = mount?.Type === "volume" ? { VolumeOptions: options } : {};
  return {
    name: own.name,
    Image: install.image,
    User: "0:0",
    Entrypoint: ["/bin/sh", "-c"],
    Cmd: [RUNNER, "lormas-install", ...install.entrypoint.trim().split(/\s+/)],
    ...(own.Env ? { Env: own.Env } : {}),
    Labels: { ...own.Labels, [LABELS.install]: "true" },
    HostConfig: { ...host, ...(mount ? { Mounts: [{ ...mount, ...bare, Target: VOLUME_TARGET }] } : {}) },
  };
}

/** Whether something of that name is in a container's file system, whatever it is. */
async function fileExists(container: Docker.Container, path: string, parts: DockerInstallParts): Promise<boolean> {
  try {
    await parts.call(`file ${path}`, CALL_MS, () => container.infoArchive({ path }));
    return true;
  } catch (error) {
    if (error instanceof RuntimeFault && engineStatus(error.cause) === 404) return false;
    throw error;
  }
}

/** Waits for the end of a script that runs; null when it was good, else what it was, for people. */
async function outcome(
  container: Docker.Container,
  install: InstallScript,
  parts: DockerInstallParts,
  cut: AbortSignal | undefined,
): Promise<string | null> {
  const boundMs = install.timeoutMs || INSTALL_MS_DEFAULT;
  const late = new AbortController();
  const cancel = parts.timers.after(boundMs, () => late.abort());
  const signal = AbortSignal.any([late.signal, ...(cut ? [cut] : [])]);
  const hasEnded = await awaitContainerEnd(container, signal, parts).finally(cancel);
  if (!hasEnded) {
    await kill(container, parts);
    const why = late.signal.aborted
      ? `was not done within ${boundMs} ms and was ended`
      : "was ended: it is not wanted any more";
    return `${why}; ${await lastWords(container, parts)}`;
  }
  const code = await exitCode(container, parts);
  if (code === 0) return null;
  const ended = code === null ? "was removed while it ran" : `ended with exit code ${code}`;
  return `${ended}; ${await lastWords(container, parts)}; look at scripts.installation of its egg, and at what it needs`;
}

async function exitCode(container: Docker.Container, parts: DockerInstallParts): Promise<number | null> {
  try {
    return (await parts.call("install script", CALL_MS, () => container.inspect())).State.ExitCode;
  } catch (error) {
    if (error instanceof RuntimeFault && engineStatus(error.cause) === 404) return null;
    throw error;
  }
}

/** Ends it at once; what has ended or gone meanwhile is fine. */
async function kill(container: Docker.Container, parts: DockerInstallParts): Promise<void> {
  const gone = (error: unknown): void => {
    const status = error instanceof RuntimeFault ? engineStatus(error.cause) : engineStatus(error);
    if (status !== 404 && status !== 409) throw error;
  };
  await parts.call("install script", CALL_MS, () => container.kill({ signal: "SIGKILL" })).catch(gone);
  await parts.call("install script", KILL_MS, () => container.wait({ condition: "not-running" })).catch(gone);
}

async function lastWords(container: Docker.Container, parts: DockerInstallParts): Promise<string> {
  const lines: string[] = [];
  try {
    const wanted = { stdout: true, stderr: true, timestamps: true, tail: LAST_LINES, follow: false } as const;
    const whole = await parts.call("logs", CALL_MS, () => container.logs(wanted));
    for await (const { text } of dockerLogLines(oneChunk(whole))) lines.push(text.slice(0, LINE_CHARS));
  } catch (error) {
    return `its output cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  return lines.length === 0 ? "it wrote nothing" : `its last output: ${lines.join(" | ").slice(-LAST_CHARS)}`;
}

async function* oneChunk(buffer: Uint8Array): AsyncGenerator<Uint8Array> {
  yield buffer;
}
