import { type DescFile, type DescMessage, type DescService, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type {
  ServerReflection,
  ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from "@lormas/gen/grpc/reflection/v1/reflection_pb.ts";
import type { ServerReflection as ServerReflectionAlpha } from "@lormas/gen/grpc/reflection/v1alpha/reflection_pb.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** What reflection tells of the services; v1 and v1alpha share it, for they differ in name only. */
export class ReflectionIndex {
  readonly #serviceNames: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  constructor(services: readonly DescService[]) {
    this.#serviceNames = services.map((service) => service.typeName).sort();
    for (const service of services) this.#add(service.file);
  }

  /** Answers one question. What is not known is an error in the answer, not of the stream. */
  answer(request: Pick<ServerReflectionRequest, "messageRequest">): Answer {
    const question = request.messageRequest;
    switch (question.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: this.#serviceNames.map((name) => ({ name })) } };
      case "fileByFilename":
        return fileAnswer(this.#files.get(question.value), question.value);
      case "fileContainingSymbol":
        return fileAnswer(this.#symbols.get(question.value), question.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        const file = this.#extensions.get(containingType)?.get(extensionNumber);
        return fileAnswer(file, `${containingType} [${extensionNumber}]`);
      }
      case "allExtensionNumbersOfType": {
        const numbers = this.#extensions.get(question.value);
        if (numbers === undefined && !this.#symbols.has(question.value)) return unknown(question.value);
        const value = { baseTypeName: question.value, extensionNumber: [...(numbers?.keys() ?? [])] };
        return { case: "allExtensionNumbersResponse", value };
      }
      case undefined:
        return { case: "errorResponse", value: { errorCode: Code.InvalidArgument, errorMessage: "no question" } };
      default:
        return question satisfies never;
    }
  }

  #add(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const service of file.services) {
      this.#symbols.set(service.typeName, file);
      for (const method of service.methods) this.#symbols.set(`${service.typeName}.${method.name}`, file);
    }
    for (const message of file.messages) this.#addMessage(file, message);
    for (const enumeration of file.enums) this.#symbols.set(enumeration.typeName, file);
    for (const extension of file.extensions) {
      this.#symbols.set(extension.typeName, file);
      const numbers = this.#extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
      numbers.set(extension.number, file);
      this.#extensions.set(extension.extendee.typeName, numbers);
    }
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  #addMessage(file: DescFile, message: DescMessage): void {
    this.#symbols.set(message.typeName, file);
    for (const field of message.fields) this.#symbols.set(`${message.typeName}.${field.name}`, file);
    for (const enumeration of message.nestedEnums) this.#symbols.set(enumeration.typeName, file);
    for (const nested of message.nestedMessages) this.#addMessage(file, nested);
  }
}

/** gRPC server reflection, so that a tool without our protos can call us. */
export function reflectionService(index: ReflectionIndex): ServiceImpl<typeof ServerReflection> {
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: index.answer(request) };
      }
    },
  };
}

/** The same under the name that older tools ask for: message for message the same protocol in another package. */
export function reflectionAlphaService(index: ReflectionIndex): ServiceImpl<typeof ServerReflectionAlpha> {
  // The two generated types differ in their $typeName only, which the service neither reads nor writes.
  return reflectionService(index) as unknown as ServiceImpl<typeof ServerReflectionAlpha>;
}

function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return unknown(asked);
  const fileDescriptorProto = [toBinary(FileDescriptorProtoSchema, file.proto)];
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function unknown(asked: string): Answer {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `not found: ${asked}` } };
}
