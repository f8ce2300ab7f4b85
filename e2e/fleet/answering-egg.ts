/** Answers each line that it is sent, and ends at "stop"; SIGTERM means nothing to it. */
const ANSWERS = `trap 'echo asked' TERM; echo ready
while read -r line; do echo "got $line"; if [ "$line" = stop ]; then echo bye; exit 0; fi; done`;

/** The text of an egg whose containers have a console: a plain process that answers what it is sent. */
export const answeringEgg = (id: string, change: object = {}) => ({
  meta: { version: "LORMAS_v1" },
  ...{ id, name: id, description: "", categoryId: "games", version: "1", image: "" },
  ...{ startup: { exec: ANSWERS }, variables: [], ports: [], volumes: [], health: null, startBudgetMs: 2_000 },
  stop: { signal: "SIGTERM", graceMs: 600_000, command: "stop" },
  defaultResources: { cpuMillis: 50, memoryBytes: 32 * 1024 ** 2, diskBytes: 0 },
  ...change,
});
