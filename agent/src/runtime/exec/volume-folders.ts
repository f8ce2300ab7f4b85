import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeMount, WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { RuntimeFault } from "../container-runtime.ts";
import { envName } from "../workload-names.ts";

/** Where a volume's data is: below the container's folder, or below the folder that all nodes share. */
export function volumeFolder(
  containerId: string,
  volume: VolumeMount,
  localRoot: string,
  sharedDir: string | null,
): string {
  if (volume.kind !== "shared") return join(localRoot, volume.name);
  if (sharedDir) return join(sharedDir, containerId, volume.name);
  throw new RuntimeFault(
    "runtime_error",
    `volume "${volume.name}" is shared, but this node has no shared folder: start its agent with --shared-dir`,
  );
}

/** Makes the folder of every volume and answers the variables VOLUME_<NAME> that lead there. */
export async function makeVolumeFolders(
  spec: WorkloadSpec,
  localRoot: string,
  sharedDir: string | null,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const volume of spec.volumes) {
    const folder = volumeFolder(spec.containerId, volume, localRoot, sharedDir);
    await mkdir(folder, { recursive: true });
    env[`VOLUME_${envName(volume.name)}`] = folder;
  }
  return env;
}
