import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { describe, expect, it } from "vitest";
import { failureText } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { apiFailure } from "./api-failure.ts";

describe("what a refused call says to a person", () => {
  it("is the coordinator's message, the field at fault and the next step", () => {
    const value = {
      code: "name_taken",
      message: "a container web exists",
      field: "name",
      nextStep: "choose another name",
    };
    const error = new ConnectError("x", Code.AlreadyExists, undefined, [{ desc: ErrorDetailSchema, value }]);
    const failure = apiFailure(error, "http://c");
    expect(failureText(failure)).toBe("lormas: a container web exists (field name)\n  next: choose another name\n");
    expect(failure.code).toBe(exitCode.conflict);
  });

  it("names the coordinator when it does not answer", () => {
    const failure = apiFailure(new ConnectError("connect ECONNREFUSED", Code.Unavailable), "http://127.0.0.1:8080");
    expect(failure.code).toBe(exitCode.unavailable);
    expect(failure.message).toContain("http://127.0.0.1:8080");
    expect(failure.nextStep).toContain("npm start");
  });

  it.each([
    [Code.InvalidArgument, exitCode.usage],
    [Code.NotFound, exitCode.notFound],
    [Code.Unauthenticated, exitCode.refused],
    [Code.PermissionDenied, exitCode.refused],
    [Code.FailedPrecondition, exitCode.conflict],
    [Code.ResourceExhausted, exitCode.conflict],
    [Code.DeadlineExceeded, exitCode.timedOut],
    [Code.Internal, exitCode.failed],
  ])("turns code %i into exit code %i", (code, exit) => {
    expect(apiFailure(new ConnectError("x", code), "http://c").code).toBe(exit);
  });
});
