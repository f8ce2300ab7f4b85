import { expect, test } from "vitest";
import { FrameReader, framed } from "./grpc-frames.ts";

const texts = (messages: Buffer[]) => messages.map((message) => message.toString());

test("messages come out as they went in, however they are split", () => {
  const bytes = Buffer.concat(["one", "", "three"].map((text) => framed(Buffer.from(text))));
  expect(texts(new FrameReader().push(bytes))).toEqual(["one", "", "three"]);
  const reader = new FrameReader();
  expect(texts([...bytes].flatMap((byte) => reader.push(Buffer.from([byte]))))).toEqual(["one", "", "three"]);
});

test("a compressed message is refused", () => {
  expect(() => new FrameReader().push(Buffer.from([1, 0, 0, 0, 0]))).toThrow("a compressed message");
});
