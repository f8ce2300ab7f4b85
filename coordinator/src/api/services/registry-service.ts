import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { RegistrySchema, RegistryService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { DOCKER_HUB, registryOf } from "@lormas/wire/image-reference.ts";
import { Refusal } from "../../domain/refusal.ts";
import { UnopenedSecretError } from "../../secrets/keyring.ts";
import { openRegistry, sealRegistry } from "../../secrets/registry-logins.ts";
import { MASK } from "../../secrets/secret-name.ts";
import { findClusterId, isPlain } from "../../store/read-model/lookup.ts";
import { REGISTRIES_MAX, type RegistryReading, RegistryStore } from "../../store/registry-store.ts";
import { probeRegistry } from "../registry-probe.ts";
import { oneLook, type PlaneContext, requestedBy } from "./plane-context.ts";

/** Who nodes are at registries; see the proto. */
export function registryService(plane: PlaneContext): ServiceImpl<typeof RegistryService> {
  const registries = new RegistryStore(plane.orm, plane.clock);
  const cluster = async (named: string): Promise<string> =>
    named === "" ? "" : findClusterId(oneLook(plane), named, "cluster", "not_found");
  return {
    listRegistries: async () => ({ registries: (await registries.list()).map(registryView) }),

    async setRegistry({ server: written, cluster: named, username, password }, context) {
      if (password === MASK) {
        const reason = `password: ${MASK} stands for a secret that is not shown; it is no password.`;
        throw new Refusal("invalid_argument", reason, "Give the password itself.", { field: "password" });
      }
      const server = registryOf(`${written}/image`);
      if (server !== written && !(server === DOCKER_HUB && written === "index.docker.io")) {
        const reason = `server: no image names ${written} as its registry, so the login would never be used.`;
        const nextStep = 'Name the host as images do: with a dot or a port, or "localhost"; Docker Hub is "docker.io".';
        throw new Refusal("invalid_argument", reason, nextStep, { field: "server" });
      }
      const clusterId = await cluster(named);
      const sealed = sealRegistry(plane.keyring, { server, username, password }, clusterId);
      if (!(await registries.set(sealed, requestedBy(context)))) {
        const nextStep = "Remove one that is not used any more: lormas registry list";
        throw new Refusal("invalid_argument", `${REGISTRIES_MAX} logins are set already`, nextStep, {
          field: "server",
        });
      }
      const all = await registries.list();
      const reading = all.find((one) => one.server === server && one.clusterId === clusterId);
      return { registry: reading && registryView(reading) };
    },

    async removeRegistry({ server, cluster: named }) {
      const clusterId = await cluster(named);
      if (isPlain(server) && (await registries.remove(server, clusterId))) return {};
      throw noLogin(server);
    },

    async testRegistry({ server, cluster: named }, context) {
      const clusterId = await cluster(named);
      const sealed = isPlain(server) ? await registries.find(server, clusterId) : null;
      if (sealed === null) throw noLogin(server);
      try {
        return await probeRegistry(openRegistry(plane.keyring, sealed), context.signal);
      } catch (error) {
        if (!(error instanceof UnopenedSecretError)) throw error;
        return { ok: false, detail: `the login does not open: ${error.message}; set it anew: lormas registry add` };
      }
    },
  };
}

function noLogin(server: string): Refusal {
  const nextStep = "List the logins, and name the cluster where it is a cluster's: lormas registry list";
  return new Refusal("not_found", `no login for "${server}" is set there`, nextStep, { field: "server" });
}

function registryView(reading: RegistryReading): MessageInitShape<typeof RegistrySchema> {
  const { server, clusterId, clusterName, username, setBy, setAt } = reading;
  return { server, clusterId, clusterName, username, setBy, setAt: timestampFromDate(setAt) };
}
