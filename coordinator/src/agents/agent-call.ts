/**
 * The coordinator's end of an agent's stream, as far as it is used: grpc-js's ServerDuplexStream is one, and so is whatever
 * carries messages elsewhere. Emitting "error" with a status ends the stream with it.
 */
export type AgentCall<In, Out> = {
  readonly destroyed: boolean;
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  write(message: Out): unknown;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  emit(event: "error", status: Error): unknown;
  on(event: "data", listener: (message: In) => void): unknown;
  once(event: "end" | "close" | "drain", listener: () => void): unknown;
};
