/** What a herd's process is told once, by the file it is started with. */
export type HerdOrder = {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
  readonly agents: readonly HerdMember[];
  /** Between two heartbeats of an agent. */
  readonly intervalMs: number;
};

export type HerdMember = {
  readonly nodeId: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly localAddress: string;
};

/** From the herd's process: how its agents stand, ten times a second. */
export type HerdStatus = {
  readonly type: "status";
  /** Agents whose present connection has had an acknowledgement. */
  readonly served: number;
  /** When the newest of them got its first one, on the machine's monotonic clock. */
  readonly lastServedMs: number;
  readonly lost: number;
  readonly lastLoss: string;
};

/** From the herd's process, in answer to "report": since the last "mark". */
export type HerdReport = {
  readonly type: "report";
  readonly sent: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** From the sending of a heartbeat to its acknowledgement, of some of them. */
  readonly tookMs: readonly number[];
};

export type HerdQuestion = { readonly type: "mark" } | { readonly type: "report" };
