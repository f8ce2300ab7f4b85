import { getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "@lormas/gen/google/api/annotations_pb.ts";
import { file_lormas_api_v1_services } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect, test } from "vitest";
import { auditedMethod, CALLER } from "./audited-methods.ts";

const methods = file_lormas_api_v1_services.services.flatMap((service) => service.methods);

test("every method is audited but those that read: GET over REST, or a stream", () => {
  for (const method of methods) {
    const reads =
      method.methodKind !== "unary" || (hasOption(method, http) && getOption(method, http).pattern.case === "get");
    expect([method.toString(), auditedMethod(method) === null]).toEqual([method.toString(), reads]);
  }
});

test("the fields that an entry is made from are there", () => {
  for (const method of methods) {
    const audited = auditedMethod(method);
    if (audited === null) continue;
    if (audited.names !== CALLER) {
      expect(method.input.fields.find(({ name }) => name === audited.names)?.fieldKind, method.name).toBe("scalar");
    }
    if (audited.after === "") continue;
    expect(method.output.fields.find(({ name }) => name === audited.after)?.fieldKind, method.name).toBe("message");
  }
});
