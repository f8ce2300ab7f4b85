// A bare grpc-js server for agents, as the reference: the same messages, the same adapter and TLS, and no thought behind it. It
// answers a Hello, every Heartbeat and an Attach with what it was told at the start. node echo-main.ts ORDER.json
import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  AgentService,
  type CommandsRequest,
  type CommandsResponse,
  CommandsResponseSchema,
  type HeartbeatRequest,
  type HeartbeatResponse,
  HeartbeatResponseSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { grpcService } from "@lormas/wire/grpc-service.ts";

/** What the server shows and says. */
export type EchoOrder = {
  readonly caPem: string;
  readonly chainPem: string;
  readonly keyPem: string;
  readonly listen: string;
  readonly policy: LeasePolicy;
};

/** Told to the parent once it listens. */
export type EchoReady = { readonly type: "ready"; readonly port: number };

const [orderFile = ""] = process.argv.slice(2);
// Written by echo-server.ts.
const order = JSON.parse(readFileSync(orderFile, "utf8")) as EchoOrder;

const welcome = create(HeartbeatResponseSchema, {
  message: {
    case: "welcome",
    value: { term: 1n, session: 1n, policy: order.policy, membership: { epoch: 1n, policy: order.policy } },
  },
});
const attached = create(CommandsResponseSchema, { message: { case: "attached", value: { term: 1n } } });

const server = new Server({ "grpc.enable_channelz": 0, "grpc.keepalive_time_ms": 10_000 });
server.addService(grpcService(AgentService), {
  heartbeat: (call: ServerDuplexStream<HeartbeatRequest, HeartbeatResponse>) => {
    call.on("data", ({ message }: HeartbeatRequest) => {
      if (message.case === "hello") return void call.write(welcome);
      const sequence = message.value?.sequence ?? 0n;
      const ack = { case: "ack", value: { sequence, term: 1n, session: 1n } } as const;
      call.write(create(HeartbeatResponseSchema, { message: ack }));
    });
    call.on("error", () => call.end());
    call.on("end", () => call.end());
  },
  commands: (call: ServerDuplexStream<CommandsRequest, CommandsResponse>) => {
    call.on("data", ({ message }: CommandsRequest) => {
      if (message.case === "attach") call.write(attached);
    });
    call.on("error", () => call.end());
    call.on("end", () => call.end());
  },
});
const credentials = ServerCredentials.createSsl(
  Buffer.from(order.caPem),
  [{ cert_chain: Buffer.from(order.chainPem), private_key: Buffer.from(order.keyPem) }],
  true,
);
server.bindAsync(order.listen, credentials, (error, port) => {
  if (error) throw error;
  process.send?.({ type: "ready", port } satisfies EchoReady);
});
process.on("disconnect", () => process.exit(0));
