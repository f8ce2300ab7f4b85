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

test("an edit takes up the egg's only startup command and its image where the present ones are gone, and says so", async () => {
  const { containers, eggs } = callApi(plane.transport);
  const of = (more: object, startup: object) => ({
    content: egg({ meta: { version: "PLCN_v3" }, name: "Moved", startup_commands: startup, ...more }),
    replace: true,
  });
  await eggs.importEgg(of({}, { Default: "./game" }));
  const made = await containers.createContainer({ name: "moved", eggId: "moved", createStopped: true });
  const update = (value: string) => containers.updateContainer({ id: "moved", setEnvironment: { A: value } });
  expect((await update("2")).warnings).toEqual([]);
  await eggs.importEgg(of({ docker_images: { two: "game:2" } }, { Default: "./game fast" }));
  expect((await update("3")).warnings).toEqual([
    "moved gets the image game:2: its egg has game:1 no more",
    "moved gets the startup command that its egg has now: the one that it was made with is gone",
  ]);
  const spec = fleet.runtime().state.container(made.container?.id ?? "")?.facts.spec;
  expect(spec).toMatchObject({ image: "game:2", env: { A: "3", STARTUP: "./game fast" } });
  await eggs.importEgg(of({}, { One: "./one", Two: "./two" }));
  await expect(update("4")).rejects.toThrow(/startup command .* is not among the 2 of its egg any more/);
});
