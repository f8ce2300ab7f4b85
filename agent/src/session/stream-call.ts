/**
 * The agent's end of a stream both ways, as far as it is used: grpc-js's ClientDuplexStream is one, and so is whatever
 * carries messages elsewhere. After `cancel` nothing more is heard or sent.
 */
export type StreamCall<Request, Response> = {
  /** `taken` is called once the network has taken the message. */
  write(message: Request, taken?: () => void): unknown;
  /** Nothing more will be sent; the other side may still speak. */
  end(): unknown;
  cancel(): void;
  on(event: "data", listener: (message: Response) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  once(event: "error", listener: (error: Error) => void): unknown;
  once(event: "end", listener: () => void): unknown;
};
