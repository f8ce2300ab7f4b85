import { status } from "@grpc/grpc-js";
import { parseJoinToken } from "@lormas/coordinator/agents/join-token.ts";
import { requestedKeyDigest } from "@lormas/coordinator/agents/pki/certificate-authority.ts";
import { type Check, expectThat } from "../check.ts";
import { BACK_MS, STARTED_MS } from "../stage.ts";

/** A certificate's life that is left when it is given out; it must be renewed within it. */
const SHORT_LIFE_MS = 30_000;

/** Dials after which an agent that trusts a stranger has long shown it. */
const DIALS = 4;

/** How often, and after what pauses, the agent is made to dial with its fresh certificate. */
const CUTS_MAX = 10;
const BETWEEN_CUTS_MS = 1_000;

/** How an agent becomes a node of a fleet, and stays it. */
export const ENROLMENT_CHECKS: readonly Check[] = [
  {
    name: "token-kept-from-a-stranger",
    source: "docs/agent-protocol.md",
    promise: "It sends its token to nobody who does not show the authority that the token names.",
    begins: "unenrolled",
    run: async (stage) => {
      const { heard } = stage.plane;
      const place = heard.length;
      stage.plane.behave({ foreign: true });
      stage.agent.start(await stage.desk.joinToken());
      // Whoever trusts the stranger has sent it on the second of these: the first looks for the authority.
      const tried = () => heard.since(place, "dial").length >= DIALS || stage.agent.exit !== undefined;
      await stage.until(`${DIALS} dials, or the agent's end`, tried, STARTED_MS);
      const kept = () => heard.since(place, "enrol").length === 0;
      await stage.stays("the token was sent to a coordinator of another authority", kept, 500);
    },
  },
  {
    name: "enrols-with-a-key-of-its-own",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "PKCS #10 certificate request, DER, made with a key that stays on the node.",
    begins: "unenrolled",
    run: async (stage) => {
      const place = stage.plane.heard.length;
      const token = await stage.desk.joinToken();
      stage.agent.start(token);
      // The desk gives a certificate only for a request that is signed by its key, and Hello comes under that certificate.
      await stage.heardAfter(place, "hello", STARTED_MS);
      const [claim] = stage.plane.heard.since(place, "enrol");
      expectThat(claim !== undefined, () => "a Hello came without a call of Enrol");
      const { nodeName } = stage.agent.settings;
      expectThat(
        claim.value.nodeName === nodeName,
        () => `the node's name was "${claim.value.nodeName}", not ${nodeName}`,
      );
      expectThat(
        claim.value.token === parseJoinToken(token)?.secret,
        () => "the token sent was not the token's secret part",
      );
    },
  },
  {
    name: "lost-answer-asked-for-again",
    source: "proto/lormas/agent/v1/agent.proto",
    promise:
      "Who did not receive the answer asks again with the same token, key and name, while the token lives, and is given a certificate of the same node.",
    begins: "unenrolled",
    run: async (stage) => {
      const place = stage.plane.heard.length;
      let lost = 0;
      stage.plane.behave({
        enrol: async (_request, real) => {
          const answer = await real();
          lost += 1;
          if (lost > 1) return answer;
          throw { code: status.UNAVAILABLE, details: "the answer was lost on its way" };
        },
      });
      stage.agent.start(await stage.desk.joinToken());
      await stage.heardAfter(place, "inventory", STARTED_MS);
      const [first, second] = stage.plane.heard.since(place, "enrol").map(({ value }) => value);
      expectThat(first !== undefined && second !== undefined, () => "Enrol was not called a second time");
      const keys = [first, second].map(({ csr }) => requestedKeyDigest(csr).toString("hex"));
      expectThat(keys[0] === keys[1], () => "the second call came with another key");
      expectThat(first.token === second.token, () => "the second call came with another token");
      expectThat(first.nodeName === second.nodeName, () => "the second call came with another name");
    },
  },
  {
    name: "refused-for-good-ends",
    source: "docs/agent-protocol.md",
    promise: "A refusal for good ends it with an exit code other than 0: it does not ask again.",
    begins: "unenrolled",
    run: async (stage) => {
      const place = stage.plane.heard.length;
      stage.plane.behave({
        enrol: async () => {
          throw {
            code: status.UNAUTHENTICATED,
            details: "the join token has been used already: make another join token",
          };
        },
      });
      stage.agent.start(await stage.desk.joinToken());
      await stage.heardAfter(place, "enrol", STARTED_MS);
      const { code } = await stage.ended(6_000);
      expectThat(code !== null && code !== 0, () => `it ended with exit code ${code}`);
      const asked = stage.plane.heard.since(place, "enrol").length;
      expectThat(asked === 1, () => `it asked ${asked} times`);
    },
  },
  {
    name: "restart-is-the-same-node",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Random identity of this run of the agent process (UUID); a restarted agent has another one.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      const before = heard.last("hello");
      stage.agent.signal("SIGKILL");
      await stage.ended(5_000);
      const place = heard.length;
      stage.agent.start(null);
      await stage.heardAfter(place, "inventory", STARTED_MS);
      const hello = heard.since(place, "hello")[0]?.value;
      expectThat(heard.since(place, "enrol").length === 0, () => "it enrolled again");
      expectThat(hello?.incarnation !== before?.value.incarnation, () => "it came back with the same incarnation");
      const { session } = stage.plane.conduct;
      expectThat(
        hello?.session === session,
        () => `its Hello named session ${hello?.session}, it had confirmed ${session}`,
      );
    },
  },
  {
    name: "mutual-tls-1.3",
    source: "docs/agent-protocol.md",
    promise: "Every connection is TLS 1.3 with ALPN `h2`, and shows the node's certificate once there is one.",
    begins: "serving",
    run: async (stage) => {
      const place = await stage.reconnected();
      const connections = stage.plane.heard.since(place, "connection");
      const odd = connections.find(({ protocol, alpn }) => protocol !== "TLSv1.3" || alpn !== "h2");
      expectThat(odd === undefined, () => `a connection spoke ${odd?.protocol} with ALPN ${odd?.alpn}`);
      const bare = connections.filter(({ serial }) => serial === "").length;
      expectThat(connections.length > 0 && bare === 0, () => `${bare} connections showed no certificate`);
    },
  },
  {
    name: "coordinator-of-another-authority-refused",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "The certificate authority, PEM; the agent trusts nothing else.",
    begins: "serving",
    run: async (stage) => {
      const { heard } = stage.plane;
      const place = heard.length;
      stage.plane.behave({ foreign: true });
      stage.plane.cut();
      await stage.until(`${DIALS} dials`, () => heard.since(place, "dial").length >= DIALS, STARTED_MS);
      const refused = () => heard.since(place, "hello").length === 0;
      await stage.stays("a Hello was sent to a coordinator of another authority", refused, 500);
      stage.plane.behave({ foreign: false });
      await stage.heardAfter(place, "inventory", BACK_MS);
    },
  },
  {
    name: "certificate-renewed-before-its-end",
    source: "proto/lormas/agent/v1/agent.proto",
    promise: "Exchanges a certificate request for a fresh certificate, under the old one, before that ends.",
    begins: "unenrolled",
    run: async (stage) => {
      const { heard } = stage.plane;
      const place = heard.length;
      stage.plane.behave({ enrol: (request) => stage.desk.enrolForAShortTime(request, SHORT_LIFE_MS) });
      stage.agent.start(await stage.desk.joinToken());
      await stage.heardAfter(place, "inventory", STARTED_MS);
      await stage.heardAfter(place, "renewal", SHORT_LIFE_MS);
      const given = () => heard.since(place, "renewal").map(({ serial }) => serial.toLowerCase());
      const fresh = () => heard.since(place, "connection").some(({ serial }) => given().includes(serial.toLowerCase()));
      // A cut that comes before the agent has stored the answer makes it ask again.
      for (let cut = 0; cut < CUTS_MAX && !fresh(); cut += 1) {
        await stage.clock.sleep(BETWEEN_CUTS_MS);
        await stage.reconnected();
      }
      expectThat(fresh(), () => `a fresh certificate was given, and not shown on the next ${CUTS_MAX} connections`);
    },
  },
];
