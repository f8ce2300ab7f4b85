import type { EggDefinition } from "@lormas/coordinator/eggs/egg-definition.ts";

/** What every engine of a lab holds. */
export const WITNESS_IMAGE = "busybox:1.36";

/** Where a copy finds the folder in which it writes. */
export const BEATS_FOLDER = "/beats";

/**
 * A copy says that it runs: when it begins and every BEAT_S seconds it writes the machine's boot time, the same clock for all
 * hosts of a lab and for no fault to touch, to a file that names container, epoch, host and copy.
 */
export const WITNESS_SCRIPT = [
  "trap 'exit 0' TERM",
  "read -r id </etc/hostname",
  `f="${BEATS_FOLDER}/$LORMAS_CONTAINER.$LORMAS_EPOCH.$LORMAS_NODE.$id"`,
  'while :; do read -r up rest </proc/uptime; echo "$up" >>"$f"; /bin/sleep "$BEAT_S"; done',
].join("; ");

/** What a lab's witness listens to. The folder comes in as an ordinary shared volume. */
export const witnessEgg: EggDefinition = {
  id: "witness",
  name: "Witness",
  description: "Writes down every moment in which it runs.",
  categoryId: "web",
  version: "1",
  image: WITNESS_IMAGE,
  startup: { docker: WITNESS_SCRIPT },
  variables: [
    {
      name: "BEAT_S",
      description:
        "Seconds between two beats; beyond 0.1 the witness sees when a copy begins, but not well when it ends.",
      defaultValue: "0.05",
      required: true,
      pattern: "0\\.(0[1-9]|[1-9])|[1-9][0-9]?",
    },
  ],
  ports: [],
  volumes: [{ name: "beats", path: BEATS_FOLDER, kind: "shared" }],
  stop: { signal: "SIGTERM", graceMs: 2_000 },
  health: null,
  startBudgetMs: 2_000,
  defaultResources: { cpuMillis: 50, memoryBytes: 16 * 1024 ** 2, diskBytes: 0 },
};
