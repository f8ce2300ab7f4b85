import { randomBytes, X509Certificate } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { type AuthoritySchema, type AuthorityService, RotationPhase } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { StoredAuthorities } from "../../agents/pki/authority-register.ts";
import { CertificateAuthority } from "../../agents/pki/certificate-authority.ts";
import { sealed } from "../../agents/pki/fleet-authorities.ts";
import { judgeRotation, type RotationJudgement } from "../../domain/authority/rotation.ts";
import { Refusal } from "../../domain/refusal.ts";
import { AuthorityStore, noAuthority } from "../../store/authority-store.ts";
import { findNodeId } from "../../store/read-model/lookup.ts";
import { oneLook, type PlaneContext, requestedBy } from "./plane-context.ts";

/** Nodes and blockers that an answer names. */
const NAMED_MAX = 100;

const PHASES = {
  steady: RotationPhase.STEADY,
  trusting: RotationPhase.TRUSTING,
  issuing: RotationPhase.ISSUING,
  closing: RotationPhase.CLOSING,
} as const;

/** The fleet's certificate authority, and its replacement; see the proto. What is wished here every coordinator takes up by itself. */
export function authorityService(plane: PlaneContext): ServiceImpl<typeof AuthorityService> {
  const store = new AuthorityStore(plane.orm);
  const answer = async () => ({ authority: await shownAuthority(plane) });
  return {
    getAuthority: answer,

    async rotateAuthority({ from }, context) {
      const random = { bytes: (count: number) => Uint8Array.from(randomBytes(count)) };
      const next = await CertificateAuthority.make(plane.clock, random);
      await store.begin(sealed(next, plane.keyring, plane.clock.wallMs()), { from, by: requestedBy(context) });
      return answer();
    },

    async leaveNodesBehind({ nodes, rotation }) {
      const ids: string[] = [];
      for (const named of nodes) ids.push(await findNodeId(oneLook(plane), named, "nodes", "not_found"));
      const { stored, judgement } = await look(plane);
      const blocking = new Set(judgement.blockers.map(({ id }) => id));
      const idle = nodes.filter((_, index) => !blocking.has(ids[index] ?? ""));
      // Where no rotation is under way, the store says so.
      if (stored.rotation.nextId !== null && idle.length > 0) {
        const message = `the rotation does not wait for ${idle.join(", ")}`;
        throw new Refusal("invalid_argument", message, "name those that lormas ca show lists", { field: "nodes" });
      }
      await store.leaveBehind(ids, rotation);
      return answer();
    },
  };
}

/** The authority as the API shows it. Refusals: not_found. */
export async function shownAuthority(plane: PlaneContext): Promise<MessageInitShape<typeof AuthoritySchema>> {
  const { stored, judgement } = await look(plane);
  const { rotation, trusted } = stored;
  const { phase, currentId, nextId, startedAtMs, startedBy, phaseSinceMs } = rotation;
  const { blockers, mustEnrolAgain } = judgement;
  // As coordinators do it: the next one vouches for them as soon as they close.
  const serving = phase === "closing" && nextId !== null ? nextId : currentId;
  const pems = [...trusted].sort((a, b) => Number(b.id === serving) - Number(a.id === serving));
  return {
    id: serving,
    nextId: nextId ?? "",
    phase: PHASES[phase],
    phaseSince: timestampFromMs(phaseSinceMs),
    ...(startedAtMs === null ? {} : { rotationStartedAt: timestampFromMs(startedAtMs) }),
    rotationStartedBy: startedBy,
    nodeCount: judgement.nodeCount,
    trustingCount: judgement.trusting,
    usingCount: judgement.using,
    blockers: blockers.slice(0, NAMED_MAX).map(({ kind, id, name, reason }) => ({ kind, id, name, reason })),
    blockerCount: blockers.length,
    mustEnrolAgain: mustEnrolAgain.slice(0, NAMED_MAX).map(({ name }) => name),
    mustEnrolAgainCount: mustEnrolAgain.length,
    trustedCertificates: `${pems.map(({ certificatePem }) => certificatePem.trim()).join("\n")}\n`,
    ...(pems[0] ? { notAfter: timestampFromDate(new X509Certificate(pems[0].certificatePem).validToDate) } : {}),
  };
}

type Look = {
  readonly stored: StoredAuthorities;
  readonly judgement: RotationJudgement & { readonly nodeCount: number };
};

async function look(plane: PlaneContext): Promise<Look> {
  const store = new AuthorityStore(plane.orm);
  const stored = await store.load();
  if (stored === null) throw noAuthority();
  const [nodes, coordinators] = [await store.nodes(), await store.coordinators()];
  const judgement = judgeRotation(stored.rotation, nodes, coordinators, plane.clock.wallMs());
  return { stored, judgement: { ...judgement, nodeCount: nodes.length } };
}
