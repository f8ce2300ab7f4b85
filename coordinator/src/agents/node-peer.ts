/** Who speaks on a call, proven by its certificate. */
export type NodePeer = {
  readonly nodeId: string;
  readonly nodeName: string;
  /** When its certificate ends; its streams end with it. Wall clock. */
  readonly notAfterMs: number;
  /** Its address and port, as grpc-js prints them. */
  readonly remote: string;
};
