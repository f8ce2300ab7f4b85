import { ConnectError } from "@connectrpc/connect";
import { ContainerType, ErrorDetailSchema, RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, type ScopedRig, startScopedRig } from "./scoped-rig.ts";

let scoped: ScopedRig;
beforeAll(async () => {
  scoped = await startScopedRig();
});
afterAll(() => scoped.rig.close());

/** What a change of arena is refused with. The rig's operations are a fake that takes no change: what reaches them may be made. */
const refused = (api: Client, change: Parameters<Client["containers"]["updateContainer"]>[0]) =>
  api.containers.updateContainer({ id: "arena", ...change }).then(
    () => "granted",
    (error: unknown) => ConnectError.from(error).findDetails(ErrorDetailSchema)[0]?.code,
  );
const ALLOWED = "not_leader";

test("who may change the containers of one cluster may not have them prefer another one, nor none", async () => {
  const { api } = await scoped.holder("games-changes", "developer@cluster=games");
  expect(await refused(api, { restartPriority: RestartPriority.HIGH })).toBe(ALLOWED);
  expect(await refused(api, { preferredCluster: "games" })).toBe(ALLOWED);
  expect(await refused(api, { preferredCluster: "local" })).toBe("unknown_cluster");
  expect(await refused(api, { preferredCluster: "" })).toBe("permission_denied");
  expect(await refused(api, { type: ContainerType.STANDARD })).toBe(ALLOWED);
});

test("who may see two clusters and change the containers of one does not send them to the other", async () => {
  const { api } = await scoped.holder("two-clusters", "developer@cluster=games", "viewer@cluster=local");
  expect(await refused(api, { preferredCluster: "local" })).toBe("permission_denied");
});

test("who may change one container alone may take its preference away, and needs more to name a cluster", async () => {
  const { api } = await scoped.holder("arena-changes", "developer@container=arena");
  expect(await refused(api, { preferredCluster: "" })).toBe(ALLOWED);
  expect(await refused(api, { preferredCluster: "games" })).toBe("unknown_cluster");
});
