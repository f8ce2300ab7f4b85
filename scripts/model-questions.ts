/** One run of spin over a model of docs/model: what is switched on, and what must come out of it. */
export type ModelQuestion = {
  readonly model: "fencing" | "confirmation" | "membership";
  /** What is asked, for people. */
  readonly name: string;
  /** Switches of the model, as NAME or NAME=VALUE. */
  readonly defines: readonly string[];
  /** holds: no state breaks an assertion, and every state was looked at. fails: an assertion is broken. */
  readonly expect: "holds" | "fails";
};

const holds = (model: ModelQuestion["model"], name: string, ...defines: string[]): ModelQuestion => ({
  model,
  name,
  defines,
  expect: "holds",
});
const fails = (model: ModelQuestion["model"], name: string, ...defines: string[]): ModelQuestion => ({
  model,
  name,
  defines,
  expect: "fails",
});

/**
 * Everything that `npm run model` asks. First the properties; then that the models reach what they are about; then broken
 * variants, each of which must be caught: a model that cannot fail proves nothing.
 */
export const MODEL_QUESTIONS: readonly ModelQuestion[] = [
  holds("fencing", "never two running copies"),
  holds("fencing", "a dead leader stops no copy whose node sees a majority", "CALM"),
  holds("confirmation", "what the leader counts as covered was covered"),
  holds("membership", "no copy runs where a death was declared, however the voters change"),

  fails("fencing", "reached: three failovers, so that a dead node has come back and run it again", "REACH_FAILOVERS"),
  fails("fencing", "reached: a vote keeps a copy alive beyond its hard end", "REACH_SURVIVAL"),
  fails("fencing", "reached: a copy is killed at its hard end", "REACH_KILL"),
  fails("fencing", "reached: a planned move", "REACH_MOVE"),
  fails("fencing", "reached: a goodbye moves a container without W", "REACH_GOODBYE"),
  fails("fencing", "reached: survival with the leader gone for good", "CALM", "REACH_SURVIVAL"),
  fails("confirmation", "reached: a whole window covered, and more to come", "REACH_COVERED"),
  fails("membership", "reached: a death in an epoch that the dead node never saw", "REACH_DEATH"),
  fails("membership", "reached: a node that is no voter survives by the votes of two", "REACH_OUTVOTED"),
  fails(
    "membership",
    "reached: a death in the first voters' epoch of a node that only knew the one before",
    "REACH_FIRST",
  ),
  fails("membership", "reached: a death of a node that was not fenced before", "REACH_FENCED_AGAIN"),

  fails("fencing", "broken: no soft end (a needless kill)", "CALM", "SOFT=4"),
  fails("fencing", "broken: votes end before they can be asked again (a needless kill)", "CALM", "V=1"),
  fails("fencing", "broken: W one tick too short", "W=4"),
  fails("fencing", "broken: votes that outlive W", "V=5"),
  fails("fencing", "broken: the leader declares without a majority", "OTHERS_TO_DECLARE=1"),
  fails("fencing", "broken: the leader declares alone", "OTHERS_TO_DECLARE=0"),
  fails("fencing", "broken: a node survives without a majority", "OTHERS_TO_SURVIVE=0"),
  fails("fencing", "broken: a vote given while a lease is held", "VOTE_WITH_LEASE"),
  fails("fencing", "broken: a vote given after a restart that forgot the lease", "VOTE_AFTER_RESTART"),
  fails("fencing", "broken: a vote counts from its arrival", "VOTE_FROM_RECEIPT"),
  fails("fencing", "broken: votes bring back what was killed", "UNCOVERED_COMES_BACK"),
  fails("fencing", "broken: the lease counts from the arrival of the acknowledgement", "LEASE_FROM_RECEIPT"),
  fails("fencing", "broken: a new leader does not start W afresh", "TAKEOVER_KEEPS_SILENCE"),
  fails("fencing", "broken: a start is obeyed without a lease", "START_WITHOUT_LEASE"),
  fails("fencing", "broken: a start of an older session is obeyed", "OBEY_OLD_SESSION"),
  fails("fencing", "broken: a start of a closed epoch is obeyed", "OBEY_CLOSED_EPOCH"),
  fails("fencing", "broken: a goodbye that is not journaled", "GOODBYE_NOT_JOURNALED"),
  fails("fencing", "broken: a planned move that does not wait for the closing", "MOVE_WITHOUT_CLOSING"),
  fails("confirmation", "broken: a duplicate is acknowledged again", "REACK_DUPLICATES"),
  fails("confirmation", "broken: what remains is counted from the receipt", "END_FROM_RECEIPT"),
  fails("confirmation", "broken: what was held is counted from the acknowledgement", "START_FROM_ACK"),
  fails("confirmation", "broken: a gap in the lease is passed over in silence", "HELD_THROUGH_GAP"),
  fails("membership", "broken: the leader asks the present set only", "ONLY_PRESENT_SET"),
  fails("membership", "broken: W counts where the node may not be fenced", "UNFENCED_FORGOTTEN"),
  fails("membership", "broken: an epoch counts as confirmed without an acknowledgement", "CONFIRM_WITHOUT_ACK"),
];
