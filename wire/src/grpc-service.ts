import { create, type DescMethod, type DescService, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

/**
 * The grpc-js definition of a service of protobuf-es messages, for `Server.addService` and `makeClientConstructor`.
 * grpc-js carries the agent plane because one of its streams costs a third of the memory and CPU of connect-node's.
 */
export function grpcService(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, grpcMethod(method)]));
}

type AnyMethod = MethodDefinition<MessageShape<DescMethod["input"]>, MessageShape<DescMethod["output"]>>;

function grpcMethod(method: DescMethod): AnyMethod {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    originalName: method.localName,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: serializer(method.input),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: serializer(method.output),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

function serializer(schema: DescMethod["input"]) {
  // grpc-js wants a Buffer over the same memory; create() completes a plain initialiser to a message.
  return (value: MessageShape<typeof schema>): Buffer => {
    const bytes = toBinary(schema, create(schema, value));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}
