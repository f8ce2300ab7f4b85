import { ContainerStatus, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { describe, expect, it } from "vitest";
import { bytesText, containerStatusWord, coresText, nodeStatusWord, secondsText } from "./wording.ts";

describe("words for people", () => {
  it("says a status as a word, and an unknown one as its number", () => {
    expect(nodeStatusWord(NodeStatus.HEALTHY)).toBe("healthy");
    expect(containerStatusWord(ContainerStatus.UNPLACED)).toBe("unplaced");
    expect(nodeStatusWord(99 as NodeStatus)).toBe("99");
  });

  it("says amounts with the unit that reads best", () => {
    expect(bytesText(0)).toBe("0 B");
    expect(bytesText(1023n)).toBe("1023 B");
    expect(bytesText(1536n * 1024n)).toBe("1.5 MiB");
    expect(bytesText(2n ** 34n)).toBe("16 GiB");
    expect(coresText(2000)).toBe("2");
    expect(coresText(250)).toBe("0.25");
    expect(secondsText(6650n)).toBe("6.7 s");
    expect(secondsText(undefined)).toBe("");
  });
});
