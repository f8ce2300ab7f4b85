import { create } from "@bufbuild/protobuf";
import { PortBindingSchema, ResourceLimitsSchema, VolumeMountSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { testSpec } from "../../node/test-command.ts";
import { dockerCreateOptions } from "./docker-create-options.ts";

const place = {
  node: { nodeId: "n", nodeName: "node-1", address: "host.example" },
  hostIp: "10.0.0.7",
  cgroupParents: { ha: "/lormas/n/ha", plain: "/lormas/n/plain" },
  sharedDir: null,
};

test("whatever a spec says, only the allowed settings reach the engine", () => {
  const text = fc.string({ maxLength: 20 });
  fc.assert(
    fc.property(fc.dictionary(text, text), fc.boolean(), text, (env, ha, line) => {
      const spec = testSpec({ image: "i", env, ha, startup: { docker: line } });
      const { HostConfig, ...rest } = dockerCreateOptions(spec, 1n, 1n, place);
      const allowed = [
        ...["name", "Image", "Entrypoint", "Cmd", "Env", "Labels", "ExposedPorts", "OpenStdin", "StopSignal", "Tty"],
      ];
      expect(rest.Tty).toBe(spec.tty);
      expect(rest.OpenStdin).toBe(true);
      expect(Object.keys(rest).filter((key) => !allowed.includes(key))).toEqual([]);
      expect(HostConfig).toMatchObject({
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        RestartPolicy: { Name: "no" },
      });
      expect(HostConfig?.CgroupParent).toBe(ha ? "/lormas/n/ha" : "/lormas/n/plain");
      for (const key of ["Privileged", "Binds", "Devices", "NetworkMode", "PidMode", "IpcMode", "UsernsMode"]) {
        expect(HostConfig).not.toHaveProperty(key);
      }
      expect(rest.Labels).toMatchObject({ "lormas.node": "n", "lormas.epoch": "1", "lormas.ha": String(ha) });
    }),
  );
});

test("ports, volumes and limits arrive as they were given; an empty startup is the image's own", () => {
  const spec = testSpec({
    image: "web:1",
    startup: { docker: "" },
    ports: [create(PortBindingSchema, { name: "http", containerPort: 80, hostPort: 20_001, protocol: "tcp" })],
    volumes: [create(VolumeMountSchema, { name: "data", path: "/data", kind: "local" })],
    limits: create(ResourceLimitsSchema, { cpuMillis: 1_500, memoryBytes: 1n << 30n }),
  });
  const options = dockerCreateOptions(spec, 1n, 1n, place);
  expect(options).not.toHaveProperty("Cmd");
  expect(options.Env).toContain("PORT_HTTP=80");
  expect(options.HostConfig).toMatchObject({
    PortBindings: { "80/tcp": [{ HostIp: "10.0.0.7", HostPort: "20001" }] },
    Mounts: [{ Type: "volume", Source: `lormas-${spec.containerId}-data`, Target: "/data" }],
    NanoCpus: 1_500_000_000,
    Memory: 1 << 30,
  });
});

test("a shared volume is refused on a node without a shared folder", () => {
  const volumes = [create(VolumeMountSchema, { name: "data", path: "/data", kind: "shared" })];
  expect(() => dockerCreateOptions(testSpec({ image: "i", volumes }), 1n, 1n, place)).toThrow(/--shared-dir/);
  const shared = dockerCreateOptions(testSpec({ image: "i", volumes }), 1n, 1n, { ...place, sharedDir: "/mnt/all" });
  expect(shared.HostConfig?.Mounts?.[0]).toMatchObject({ Type: "bind", Target: "/data" });
});
