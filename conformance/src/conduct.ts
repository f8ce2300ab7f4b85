import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  AckSchema,
  EnrolRequest,
  EnrolResponse,
  Heartbeat,
  LeasePolicySchema,
  Membership,
  WelcomeSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";

export type AckInit = Partial<Omit<MessageInitShape<typeof AckSchema>, "$typeName">>;
export type PolicyInit = Omit<MessageInitShape<typeof LeasePolicySchema>, "$typeName"> & {
  intervalMs: number;
  leaseMs: number;
  killMs: number;
};

/** How the suite's coordinator behaves; sound as `soundConduct` makes it, and whatever a check makes of that. */
export type Conduct = {
  term: bigint;
  session: bigint;
  /** The voting group's epoch, policy and voters. */
  epoch: bigint;
  policy: PolicyInit;
  voters: Membership["voters"];
  /** Answers a claim of a token; `real` is the coordinator's own answer. */
  enrol: (request: EnrolRequest, real: () => Promise<EnrolResponse>) => Promise<EnrolResponse>;
  /** Is called for each heartbeat; `ack` grants a lease for it, now or whenever it is called. */
  beat: (beat: Heartbeat, ack: (init?: AckInit) => void) => void;
  /** What a Welcome says otherwise. */
  welcome: Partial<Omit<MessageInitShape<typeof WelcomeSchema>, "$typeName">>;
  /** False: the listener takes connections and breaks them at once, as one whose process is not there. */
  open: boolean;
  /** True: the server shows the certificate of another fleet's authority. */
  foreign: boolean;
};

/** Long enough for a busy machine: eight heartbeats and more fit into half of the lease. */
export const CORE_POLICY: PolicyInit = {
  profile: "conformance",
  intervalMs: 200,
  leaseMs: 4_000,
  killMs: 1_000,
  voteMs: 2_000,
  survival: false,
};

export function soundConduct(): Conduct {
  return {
    term: 3n,
    session: 1n,
    epoch: 1n,
    policy: CORE_POLICY,
    voters: [],
    enrol: (_request, real) => real(),
    beat: (_beat, ack) => ack(),
    welcome: {},
    open: true,
    foreign: false,
  };
}
