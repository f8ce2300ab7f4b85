import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type {
  AccessService,
  QuotaAmounts,
  QuotaSchema,
  SetClusterQuotaRequest,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Quota } from "../../domain/quota.ts";
import { Refusal } from "../../domain/refusal.ts";
import { type QuotaReading, QuotaStore, type QuotaSubject } from "../../store/quota-store.ts";
import { findClusterId } from "../../store/read-model/lookup.ts";
import { oneLook, type PlaneContext, requestedBy } from "./plane-context.ts";

type QuotaMethods = Pick<
  ServiceImpl<typeof AccessService>,
  "listQuotas" | "setUserQuota" | "removeUserQuota" | "setClusterQuota" | "removeClusterQuota"
>;

/** How much people and clusters may have; see the proto. */
export function quotaMethods(plane: PlaneContext): QuotaMethods {
  const quotas = new QuotaStore(plane.orm, plane.clock);
  const user = async (email: string): Promise<QuotaSubject> => ({
    kind: "user",
    id: (await plane.people.find(email)).id,
  });
  const cluster = async (named: string): Promise<QuotaSubject> => ({
    kind: "cluster",
    id: await findClusterId(oneLook(plane), named, "cluster", "not_found"),
  });
  const shown = async (subject: QuotaSubject) => {
    const [reading] = await quotas.list(subject);
    return { quota: reading && quotaView(reading) };
  };
  const remove = async (subject: QuotaSubject, field: string): Promise<Record<string, never>> => {
    if (await quotas.remove(subject)) return {};
    throw new Refusal("not_found", "no quota is set there", "list the quotas: lormas quota ls", { field });
  };
  return {
    listQuotas: async () => ({ quotas: (await quotas.list()).map(quotaView) }),

    async setUserQuota(request, context) {
      const subject = await user(request.email);
      await quotas.set(subject, limitsOf(request.limits), requestedBy(context));
      return shown(subject);
    },

    removeUserQuota: async ({ email }) => remove(await user(email), "email"),

    async setClusterQuota(request, context) {
      const subject = await cluster(request.cluster);
      await quotas.set(subject, limitsOf(request.limits), requestedBy(context));
      return shown(subject);
    },

    removeClusterQuota: async (request) => remove(await cluster(request.cluster), "cluster"),
  };
}

function limitsOf(limits: SetClusterQuotaRequest["limits"]): Quota {
  const wanted = {
    containers: limits?.containers ?? null,
    cpuMillis: numberOf(limits?.cpuMillis),
    memoryBytes: numberOf(limits?.memoryBytes),
    diskBytes: numberOf(limits?.diskBytes),
    ports: limits?.ports ?? null,
  };
  if (Object.values(wanted).some((limit) => limit !== null)) return wanted;
  throw new Refusal("invalid_argument", "the quota bounds nothing", "give at least one limit, or remove the quota", {
    field: "limits",
  });
}

const numberOf = (amount: bigint | undefined): number | null => (amount === undefined ? null : Number(amount));

function quotaView({ subject, name, quota, used }: QuotaReading): MessageInitShape<typeof QuotaSchema> {
  return {
    subjectKind: subject.kind,
    subjectId: subject.id,
    subject: name,
    limits: amounts(quota),
    used: amounts(used),
  };
}

function amounts(of: Quota): MessageInitShape<typeof QuotaSchema>["limits"] {
  const { containers, cpuMillis, memoryBytes, diskBytes, ports } = of;
  return {
    ...(containers === null ? {} : { containers }),
    ...(cpuMillis === null ? {} : { cpuMillis: BigInt(cpuMillis) }),
    ...(memoryBytes === null ? {} : { memoryBytes: BigInt(memoryBytes) }),
    ...(diskBytes === null ? {} : { diskBytes: BigInt(diskBytes) }),
    ...(ports === null ? {} : { ports }),
  } satisfies Partial<Omit<QuotaAmounts, "$typeName" | "$unknown">>;
}
