// A plugin of buf: writes openapi.yaml for the services with google.api.http options among the files to generate.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create, createFileRegistry, hasOption } from "@bufbuild/protobuf";
import {
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponse_FileSchema,
  CodeGeneratorResponseSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { runNodeJs } from "@bufbuild/protoplugin";
import { http } from "@lormas/gen/google/api/annotations_pb.ts";
import { stringify } from "yaml";
import { repositoryRoot } from "./bootstrap.mjs";
import { openapiDocument } from "./openapi-document.ts";

const ERROR_DETAIL = "lormas.api.v1.ErrorDetail";
const HEADER = "# Made by npm run gen from proto/lormas/api; do not edit.\n";

runNodeJs({
  name: "protoc-gen-openapi",
  version: "1",
  run(request) {
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));
    const services = request.fileToGenerate
      .flatMap((name) => registry.getFile(name)?.services ?? [])
      .filter((service) => service.methods.some((method) => hasOption(method, http)));
    const files = [];
    if (services.length > 0) {
      const errorDetail = registry.getMessage(ERROR_DETAIL);
      if (errorDetail === undefined) throw new Error(`${ERROR_DETAIL} is not among the protos`);
      // package.json is ours and always has a version.
      const { version } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as { version: string };
      const document = openapiDocument(services, { version, errorDetail });
      const content = HEADER + stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
      files.push(create(CodeGeneratorResponse_FileSchema, { name: "openapi.yaml", content }));
    }
    return create(CodeGeneratorResponseSchema, {
      file: files,
      supportedFeatures: BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL),
    });
  },
});
