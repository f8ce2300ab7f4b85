/** A node that is to be fenced, as the hook is told of it. */
export type FenceRequest = {
  readonly nodeId: string;
  readonly nodeName: string;
  /** Where its containers are reached. */
  readonly address: string;
  readonly clusterName: string;
  /** Why, for people. */
  readonly reason: string;
  /** Nodes of its cluster that are silent at present, this one included: many of many speak for a cut network. */
  readonly silentNodes: number;
  /** Nodes of its cluster that are not dead. */
  readonly nodes: number;
};

/** `off`: at some moment since the call the host ran nothing. Otherwise nothing is known, whatever was tried. */
export type FenceOutcome = { readonly off: true } | { readonly off: false; readonly reason: string };

export type FenceCall = {
  /** Never rejects, and comes within the time allowed. */
  readonly outcome: Promise<FenceOutcome>;
  /** Ends the call at once; whatever its outcome would have been, it does not count any more. */
  readonly end: () => void;
};

/** Something outside that cuts a host off from power, and knows whether it did. */
export interface FenceHook {
  /** How events name it. */
  readonly name: string;
  /** May be asked again for the same node, also while another coordinator's call is under way. */
  call(request: FenceRequest): FenceCall;
}
