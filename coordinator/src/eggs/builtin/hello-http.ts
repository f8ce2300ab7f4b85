import type { EggDefinition } from "../egg-definition.ts";
import { busyboxServer, nodeServer } from "./http-startup.ts";

/** Says where it runs; what one tries a failover with. */
export const helloHttp: EggDefinition = {
  id: "hello-http",
  name: "Hello over HTTP",
  description: "Answers every GET with the node it runs on and its epoch. Made to watch a failover.",
  categoryId: "web",
  version: "1",
  image: "busybox:1.36",
  startup: {
    docker: busyboxServer(
      `/bin/busybox printf '%s from %s epoch %s container %s\\n' "$GREETING" "$LORMAS_NODE" "$LORMAS_EPOCH" "$LORMAS_CONTAINER"`,
    ),
    exec: nodeServer(
      '[e.GREETING,"from",e.LORMAS_NODE,"epoch",e.LORMAS_EPOCH,"container",e.LORMAS_CONTAINER].join(" ")+"\\n"',
      "text/plain; charset=utf-8",
    ),
  },
  variables: [
    {
      name: "GREETING",
      description: "The first word of the answer.",
      defaultValue: "hello",
      required: true,
      pattern: "[^\\p{Cc}]{1,100}",
    },
  ],
  ports: [{ name: "http", containerPort: 8080, protocol: "tcp" }],
  volumes: [],
  stop: { signal: "SIGTERM", graceMs: 2_000 },
  health: { kind: "http", portName: "http", path: "/", command: "", intervalMs: 50, timeoutMs: 1_000 },
  // Node's cold start on two loaded cores; an idle machine takes a tenth of it.
  startBudgetMs: 1_500,
  // Node's cold start takes an eighth of a second of CPU: with a tenth of a core that is most of the start budget.
  defaultResources: { cpuMillis: 250, memoryBytes: 128 * 1024 ** 2, diskBytes: 0 },
};
