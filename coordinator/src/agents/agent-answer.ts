import type { sendUnaryData } from "@grpc/grpc-js";
import type { AgentService, EnrolmentService } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";

type Methods = (typeof AgentService)["method"] & (typeof EnrolmentService)["method"];

/** The calls of agents that end with one answer, by the name of the method. */
export type AgentAnswer = {
  [Name in keyof Methods]: Methods[Name]["methodKind"] extends "unary" | "client_streaming" ? Name : never;
}[keyof Methods];

/** For tests alone: given the way to answer a call, answers the one to take. */
export type AnswerWrapper = <Out>(name: AgentAnswer, answer: sendUnaryData<Out>) => sendUnaryData<Out>;
