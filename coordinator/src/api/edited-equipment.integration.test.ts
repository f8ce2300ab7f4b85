import { afterAll, beforeAll, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { callApi } from "./fuzz/call-api.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

let fleet: FleetRig;
let plane: RuntimePlaneRig;
beforeAll(async () => {
  fleet = await fleetRig(1);
  plane = await startRuntimePlaneRig(fleet);
});
afterAll(async () => {
  await plane.close();
  await fleet.close();
});

const egg = (more: object): string =>
  JSON.stringify({
    meta: { version: "PTDL_v2" },
    name: "Game",
    docker_images: { one: "game:1" },
    startup: "./game",
    config: { files: "{}", startup: "{}", logs: "{}", stop: "^C" },
    variables: [{ name: "A", env_variable: "A", default_value: "1", rules: "required" }],
    ...more,
  });
const installation = { script: "echo hi", container: "installers:debian", entrypoint: "bash" };

test("an edit takes up what the egg says of lines by then, but no script for a volume that none has filled", async () => {
  const { containers, eggs } = callApi(plane.transport);
  const equipment = (id: string) => fleet.runtime().state.container(id)?.facts.spec.equipment;
  await eggs.importEgg({ content: egg({}) });
  const made = await containers.createContainer({ name: "before", eggId: "game", createStopped: true });
  const before = made.container?.id ?? "";
  expect(equipment(before)).toBeUndefined();
  const config = { files: "{}", startup: '{"done":"up"}', logs: "{}", stop: "^C" };
  await eggs.importEgg({ content: egg({ config, scripts: { installation } }), replace: true });
  await containers.updateContainer({ id: "before", setEnvironment: { A: "2" } });
  expect(equipment(before)).toMatchObject({ readyLines: ["up"], install: null });
  const later = await containers.createContainer({ name: "later", eggId: "game", createStopped: true });
  await containers.updateContainer({ id: "later", setEnvironment: { A: "2" } });
  expect(equipment(later.container?.id ?? "")).toMatchObject({ install: { script: "echo hi" } });
});
