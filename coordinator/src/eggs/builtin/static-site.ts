import type { EggDefinition } from "../egg-definition.ts";
import { busyboxServer, nodeServer } from "./http-startup.ts";

/** One page whose text is given as a variable; it holds no data and starts anywhere. */
export const staticSite: EggDefinition = {
  id: "static-site",
  name: "Static site",
  description: "Serves one HTML page that is given as a variable. Nothing is stored, so it starts on any node.",
  categoryId: "web",
  version: "1",
  image: "busybox:1.36",
  startup: {
    docker: busyboxServer(`/bin/busybox printf '%s' "$CONTENT"`),
    exec: nodeServer("e.CONTENT", "text/html; charset=utf-8"),
  },
  variables: [
    {
      name: "CONTENT",
      description: "The page: HTML, at most 8,192 characters.",
      defaultValue: "<!doctype html><title>Lormas</title><h1>It works.</h1>",
      required: true,
      pattern: "",
    },
  ],
  ports: [{ name: "http", containerPort: 8080, protocol: "tcp" }],
  volumes: [],
  stop: { signal: "SIGTERM", graceMs: 2_000 },
  health: { kind: "http", portName: "http", path: "/", command: "", intervalMs: 50, timeoutMs: 1_000 },
  // The start budget and the quarter of a core as hello-http, whose server it is.
  startBudgetMs: 1_500,
  defaultResources: { cpuMillis: 250, memoryBytes: 128 * 1024 ** 2, diskBytes: 0 },
};
