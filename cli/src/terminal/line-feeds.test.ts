import { expect, it } from "vitest";
import { LineFeeds } from "./line-feeds.ts";

it("moves down in the same column where that is meant, however the output is cut, and changes nothing else", () => {
  const shown = "one\r\ntwo\nthree\r\u001b[K\n\n\r\n";
  for (const size of [1, 2, 5, shown.length]) {
    const feeds = new LineFeeds();
    let through = "";
    for (let at = 0; at < shown.length; at += size) {
      through += Buffer.from(feeds.through(Buffer.from(shown.slice(at, at + size)))).toString();
    }
    expect(through).toBe("one\r\ntwo\u001bDthree\r\u001b[K\u001bD\u001bD\r\n");
  }
});
