import type { DescService } from "@bufbuild/protobuf";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { grpcService } from "@lormas/wire/grpc-service.ts";

/**
 * A service whose messages are refused above a size of their own, by method name, before they are parsed and buffered:
 * grpc-js buffers up to 16 messages a stream, so the general bound alone would let one stream hold 64 MiB.
 */
export function boundedService(service: DescService, bytesMax: Readonly<Record<string, number>>): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(grpcService(service)).map(([name, method]) => {
      const max = bytesMax[name];
      if (max === undefined) throw new Error(`no size bound is given for ${method.path}`);
      const parse = method.requestDeserialize;
      return [
        name,
        {
          ...method,
          requestDeserialize: (bytes: Buffer) => {
            if (bytes.byteLength > max) throw new Error(`${method.path}: ${bytes.byteLength} bytes, at most ${max}`);
            return parse(bytes);
          },
        },
      ];
    }),
  );
}
