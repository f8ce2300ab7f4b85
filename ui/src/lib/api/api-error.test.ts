import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { describe, expect, test } from "vitest";
import { isSignedOut, toApiError } from "./api-error.ts";

describe("an error of a call", () => {
  test("is what the API says of it", () => {
    const detail = {
      code: "name_taken",
      message: 'There is a "web".',
      field: "name",
      nextStep: "Choose another.",
      retryable: false,
    };
    const error = new ConnectError("x", Code.AlreadyExists, undefined, [{ desc: ErrorDetailSchema, value: detail }]);
    expect(toApiError(error)).toEqual(detail);
  });

  test("always has a next step", () => {
    for (const code of Object.values(Code).filter((code) => typeof code === "number")) {
      expect(toApiError(new ConnectError("x", code)).nextStep).not.toBe("");
    }
  });

  test.each(["Failed to fetch", "NetworkError when attempting to fetch resource.", "Load failed", "network error"])(
    "names the coordinator when it cannot be reached (%s)",
    (words) => {
      const cause = new TypeError(words);
      for (const thrown of [cause, new ConnectError(words, Code.Internal, undefined, undefined, cause)]) {
        expect(toApiError(thrown)).toMatchObject({
          code: "unavailable",
          message: "The coordinator cannot be reached.",
          retryable: true,
        });
      }
    },
  );

  test("does not blame the network for a mistake of the page", () => {
    expect(toApiError(new TypeError("x is undefined")).code).not.toBe("unavailable");
  });

  test("carries the code of the transport when the API gave none", () => {
    expect(toApiError(new ConnectError("x", Code.FailedPrecondition)).code).toBe("failed_precondition");
    expect(isSignedOut(toApiError(new ConnectError("x", Code.Unauthenticated)))).toBe(true);
  });
});
