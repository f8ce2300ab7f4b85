import { createSecureContext } from "node:tls";
import { create } from "@bufbuild/protobuf";
import { type ClientUnaryCall, credentials, makeClientConstructor, type ServiceError, status } from "@grpc/grpc-js";
import {
  type AskVoteRequest,
  AskVoteRequestSchema,
  type AskVoteResponse,
  PeerService,
} from "@lormas/gen/lormas/agent/v1/peer_pb.ts";
import type { Voter } from "@lormas/lease/membership.ts";
import { readAuthorities } from "@lormas/wire/authority-list.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";
import { readNodeCertificate } from "@lormas/wire/node-certificate.ts";
import type { Timers, WallClock } from "../clock/clock.ts";
import type { Credentials } from "../session/credentials.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { PeerAnswer, PeerQuestion } from "./peer-plane.ts";
import type { TroubleLog } from "./trouble-log.ts";

type PeerClient = {
  askVote(
    request: AskVoteRequest,
    answer: (error: ServiceError | null, response?: AskVoteResponse) => void,
  ): ClientUnaryCall;
  getChannel(): { getConnectivityState(tryToConnect: boolean): unknown };
  close(): void;
};

/** A connection to one voter, with what it was made for: when that changes, another is made. */
type Line = {
  readonly client: PeerClient;
  readonly address: string;
  readonly certificatePem: string;
  readonly caPem: string;
  /** Questions in a row that were not answered in time. */
  late: number;
};

/** A busy host may need longer than one question for a handshake: only after so many is the connection given up. */
const LATE_MAX = 2;

/** What is said to be dialled, whatever the address: TLS takes no IP address for a name, and the certificate has none. */
const SERVER_NAME = "lormas-agent";

export type DiallerOptions = {
  /** The present ones; a renewed certificate is shown by the connections after that. */
  readonly credentials: () => Credentials;
  readonly limits: PeerLimits;
  readonly timers: Timers;
  readonly wall: WallClock;
  readonly troubles: TroubleLog;
};

/** Asks voters over gRPC: one connection each, kept while it is used, and only to the node that the voter is. */
export class PeerDialler {
  readonly #options: DiallerOptions;
  /** By voter; those that are no voters any more are closed by `keep`. */
  readonly #lines = new Map<string, Line>();
  #closed = false;

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** See PeerPlane.ask. A connection that does not answer in time twice is given up: the next question dials anew. */
  ask(voter: Voter, question: PeerQuestion, timeoutMs: number): Promise<PeerAnswer | null> {
    const { timers, troubles } = this.#options;
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => {
      const line = this.#line(voter);
      let settled = false;
      const settle = (answer: PeerAnswer | null) => {
        settled = true;
        cancelTimer();
        resolve(answer);
      };
      const failed = (reason: string) => {
        if (!this.#closed) {
          const facts = { voter: voter.nodeName, peerAddress: voter.peerAddress };
          troubles.say(`voter ${voter.nodeId}`, `${voter.nodeName} cannot be asked for its vote: ${reason}`, facts);
        }
        settle(null);
      };
      const giveUp = () => {
        if (this.#lines.get(voter.nodeId) === line) this.#drop(voter.nodeId);
      };
      const cancelTimer = timers.after(timeoutMs, () => {
        failed(`no answer within ${timeoutMs} ms`);
        line.late += 1;
        if (line.late >= LATE_MAX) giveUp();
        call.cancel();
      });
      const call = line.client.askVote(messageOf(question), (error, response) => {
        if (settled) return;
        line.late = 0;
        if (response) {
          troubles.well(`voter ${voter.nodeId}`);
          return settle(answerOf(response));
        }
        failed(error ? reasonOf(error) : "an empty answer");
        if (error?.code === status.UNAVAILABLE) giveUp();
      });
    });
  }

  /** See PeerPlane.prepare. What becomes of a connection is seen by the first question. */
  prepare(voters: readonly Voter[]): void {
    if (this.#closed) return;
    for (const voter of voters) this.#line(voter).client.getChannel().getConnectivityState(true);
  }

  /** Closes the connections to those who are no voters any more, or have another address. */
  keep(voters: readonly Voter[]): void {
    for (const [nodeId, { address }] of this.#lines) {
      if (!voters.some((voter) => voter.nodeId === nodeId && voter.peerAddress === address)) this.#drop(nodeId);
    }
  }

  /** Voters with a connection, or one that is being made. */
  get lines(): number {
    return this.#lines.size;
  }

  close(): void {
    this.#closed = true;
    for (const nodeId of [...this.#lines.keys()]) this.#drop(nodeId);
  }

  #line(voter: Voter): Line {
    const own = this.#options.credentials();
    const before = this.#lines.get(voter.nodeId);
    const isSame = before?.certificatePem === own.certificatePem && before.caPem === own.caPem;
    if (before && isSame && before.address === voter.peerAddress) return before;
    if (before) this.#drop(voter.nodeId);
    const line: Line = {
      client: this.#dial(voter, own),
      address: voter.peerAddress,
      certificatePem: own.certificatePem,
      caPem: own.caPem,
      late: 0,
    };
    this.#lines.set(voter.nodeId, line);
    return line;
  }

  #drop(nodeId: string): void {
    this.#lines.get(nodeId)?.client.close();
    this.#lines.delete(nodeId);
  }

  #dial(voter: Voter, own: Credentials): PeerClient {
    const { limits, wall } = this.#options;
    const authorities = readAuthorities(own.caPem);
    const context = createSecureContext({
      ca: own.caPem,
      key: own.keyPem,
      cert: own.certificatePem,
      minVersion: "TLSv1.3",
    });
    const secure = credentials.createFromSecureContext(context, {
      // Which host is dialled says nothing: the certificate must be that of the voter itself.
      checkServerIdentity: (_host, { raw }) => {
        const shown = readNodeCertificate(raw, authorities, wall.now().getTime());
        if (shown.kind !== "node") return new Error(shown.reason);
        if (shown.nodeId === voter.nodeId) return undefined;
        return new Error(`node ${shown.nodeId} answers at ${voter.peerAddress}, which is not the voter`);
      },
    });
    const Client = makeClientConstructor(grpcService(PeerService), "PeerService");
    // makeClientConstructor types every method as unknown; the definition above is what makes this shape true.
    return new Client(voter.peerAddress, secure, {
      "grpc.ssl_target_name_override": SERVER_NAME,
      "grpc.default_authority": SERVER_NAME,
      "grpc.max_receive_message_length": limits.messageBytesMax,
      "grpc.client_idle_timeout_ms": limits.idleMs / 2,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1_000,
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.service_config_disable_resolution": 1,
    }) as unknown as PeerClient; // grpc-js makes the methods of the service at run time, its type does not show them
  }
}

function messageOf(question: PeerQuestion): AskVoteRequest {
  return create(AskVoteRequestSchema, {
    ...question,
    askedMs: BigInt(Math.round(question.askedMs)),
    membershipEpoch: BigInt(question.membershipEpoch),
  });
}

function answerOf(response: AskVoteResponse): PeerAnswer {
  const { voterNodeId, incarnation, withoutLease, reason } = response;
  const [askedMs, membershipEpoch] = [Number(response.askedMs), Number(response.membershipEpoch)];
  return {
    voterNodeId,
    incarnation,
    askedMs,
    withoutLease,
    reason: reason.slice(0, REASON_CHARS_MAX),
    membershipEpoch,
  };
}

/** What went wrong, without what grpc-js puts around it. */
function reasonOf({ details }: ServiceError): string {
  return details
    .replace(/^No connection established\. Last error: (Error: )?/, "")
    .replace(/\. Resolution note: ?$/, "");
}

/** What of a voter's reason goes into the log. */
const REASON_CHARS_MAX = 200;
