/*
 * The fencing protocol of one container on three nodes and a leader: leases, survival votes, the leader's rule, epochs,
 * sessions, closing. README.md beside this file says what is abstracted and why; `npm run model` checks it.
 *
 * Time is counted in ticks and kept as ages that stop growing where they no longer matter: the state space is finite
 * although runs, faults and failovers are without limit. What Clock does not force may happen late or never: that is
 * loss, delay, partition and pause. -D chooses a broken variant or a question (tables in README.md).
 */
#define N 3

/* The policy in ticks. Clock rates are equal here, so W = L + K; docs/fencing.md argues their factor. */
#define L 4
#define K 1 /* fixed: killing[] is one bit */
#ifndef V
#define V (L / 2)
#endif
#ifndef W
#define W (L + K)
#endif
#ifndef SOFT
#define SOFT (L / 2)
#endif

/* More than half of the three voters survive, the asker being one; more than half of voters and leader declare, the
   leader being one and the silent node none. */
#ifndef OTHERS_TO_SURVIVE
#define OTHERS_TO_SURVIVE 1
#endif
#ifndef OTHERS_TO_DECLARE
#define OTHERS_TO_DECLARE 2
#endif

#define NO_ACK L /* one as old as L grants nothing: it need not be delivered */
#define NO_VOTE V
#define GONE (L + K)
#define NO_WINDOW (W + 1)

/* A start on its way to a node, or in its journal. Never used up: it may arrive again and again. */
#define NO_START 0
#define OF_THIS_SESSION 1
#define OF_AN_OLDER_SESSION 2
#define OF_A_CLOSED_EPOCH 3

/* Nodes: what agent and guard know. */
byte sent[N];       /* age of the heartbeat whose acknowledgement is the lease: soft end at SOFT, hard end at L */
byte asked[N];      /* age of the asking that enough votes answered */
bit killing[N];     /* the hard end passed uncovered: the copy is gone within K */
bit forgot[N];      /* the agent restarted before its soft end and has no acknowledgement since */
bit saidGoodbye[N]; /* the session is journaled as closed; its goodbye may arrive until the next session */
bit runs[N];        /* a copy of the container runs here */

/* On the wire. */
byte ack[N];        /* age of the heartbeat that the acknowledgement on its way belongs to */
byte start[N];
#ifdef VOTE_FROM_RECEIPT
bit vote[N];        /* an answer is on its way to this node */
#endif

/* Leader: here, move and ended are committed, the window is in memory. */
bit here[N];        /* the present epoch is placed here */
byte move;          /* a planned move: 0 none, 1 the source is asked to close, 2 its confirmation is on its way */
bit ended[N];       /* the node's session is over: nothing is acknowledged, it must rejoin */
byte window;        /* length of a span that ends now, in which the leader acknowledged nothing to the node of the
                       present epoch, and every watched node held a lease without a gap; NO_WINDOW: none is looked at */
bit watched[N];
#ifdef TAKEOVER_KEEPS_SILENCE
bit heard;          /* within the window, by the present leader */
#define heardOfIt heard
#else
#define heardOfIt false
#endif

#ifdef CALM
bit leaderGone;     /* the leader is dead for good */
byte deadNode = N;  /* a host that died with it */
#endif
#if defined(REACH_FAILOVERS)
byte failovers;     /* three on three nodes: one that was declared dead has come back and has had the container again */
#define nextStart() assert(failovers < 3)
#elif defined(REACH_MOVE) || defined(REACH_GOODBYE)
bit seen;           /* what the question asks for has been committed; the next start answers it */
#define nextStart() assert(!seen)
#else
#define nextStart() skip
#endif

#define placed (here[0] + here[1] + here[2])
#define copies (runs[0] + runs[1] + runs[2])
#define next(i) ((i + 1) % N)
#define last(i) ((i + 2) % N)

#ifdef CALM
#define answers(j) (j != deadNode)
#else
#define answers(j) true
#endif

/* A node without lease gives its vote. One that restarted is quiet until the lease that it forgot is over. */
#ifdef VOTE_WITH_LEASE
#define givesVote(j) (answers(j))
#elif defined(VOTE_AFTER_RESTART)
#define forgettingIsHarmless false
#define givesVote(j) (answers(j) && (sent[j] >= SOFT || forgot[j]))
#else
#define givesVote(j) (answers(j) && sent[j] >= SOFT)
#endif
#ifndef forgettingIsHarmless
#define forgettingIsHarmless true
#endif
#define enoughVotes(i) (givesVote(next(i)) + givesVote(last(i)) >= OTHERS_TO_SURVIVE)

#ifdef OBEY_OLD_SESSION
#define mine(i) (start[i] == OF_THIS_SESSION || start[i] == OF_AN_OLDER_SESSION)
#elif defined(OBEY_CLOSED_EPOCH)
#define mine(i) (start[i] == OF_THIS_SESSION || start[i] == OF_A_CLOSED_EPOCH)
#else
#define mine(i) (start[i] == OF_THIS_SESSION)
#endif

#ifdef GOODBYE_NOT_JOURNALED
#define sessionOpen(i) true
#else
#define sessionOpen(i) (!saidGoodbye[i])
#endif

#ifdef START_WITHOUT_LEASE
#define holdsLease(i) true
#else
#define holdsLease(i) (sent[i] < SOFT && !forgot[i])
#endif

#ifdef MOVE_WITHOUT_CLOSING
#define sourceClosed (move != 0)
#else
#define sourceClosed (move == 2)
#endif

inline copyGone(i) {
  runs[i] = 0;
  killing[i] = 0;
  asked[i] = NO_VOTE;
#ifdef VOTE_FROM_RECEIPT
  vote[i] = 0
#endif
}

inline closeWindow() {
  window = NO_WINDOW;
  watched[0] = 0;
  watched[1] = 0;
  watched[2] = 0;
#ifdef TAKEOVER_KEEPS_SILENCE
  heard = 0
#endif
}

/* Forgets what can no longer matter, so that equal futures are one state. */
inline forgetPast(i) {
  if
  :: sent[i] >= SOFT || (forgettingIsHarmless && !runs[i] && start[i] == NO_START) -> forgot[i] = 0
  :: else
  fi;
  if
  :: !runs[i] && sent[i] >= SOFT -> sent[i] = GONE
  :: else
  fi;
  if
  :: ack[i] > sent[i] || (!runs[i] && ack[i] >= SOFT) -> ack[i] = NO_ACK
  :: else
  fi
}

/* The nodes are alike, so one order of them stands for all. -DNAMED keeps their names, for reading a trail. */
#if defined(NAMED) || defined(CALM)
#define settle() skip
#else
#define key(i) (sent[i] + 8 * (asked[i] + 8 * (ack[i] + 8 * (start[i] + 4 * (killing[i] + 2 * (forgot[i] + \
  2 * (saidGoodbye[i] + 2 * (runs[i] + 2 * (ended[i] + 2 * (here[i] + 2 * watched[i]))))))))))
hidden byte spare;

inline swap(a, b) {
  spare = a;
  a = b;
  b = spare
}

inline inOrder(i, j) {
  if
  :: key(i) > key(j) ->
    swap(sent[i], sent[j]);
    swap(asked[i], asked[j]);
    swap(ack[i], ack[j]);
    swap(start[i], start[j]);
    swap(killing[i], killing[j]);
    swap(forgot[i], forgot[j]);
    swap(saidGoodbye[i], saidGoodbye[j]);
    swap(runs[i], runs[j]);
    swap(ended[i], ended[j]);
    swap(here[i], here[j]);
    swap(watched[i], watched[j]);
#ifdef VOTE_FROM_RECEIPT
    swap(vote[i], vote[j])
#endif
  :: else
  fi
}

inline settle() {
  inOrder(0, 1);
  inOrder(1, 2);
  inOrder(0, 1)
}
#endif

/* What node i does, and what befalls it. */
proctype Node(byte i) {
  do
  :: d_step { /* A heartbeat reaches the leader, which acknowledges it unless the session is over. */
#ifdef CALM
      !leaderGone &&
#endif
      !ended[i] && !saidGoodbye[i] ->
      ack[i] = 0;
#ifdef TAKEOVER_KEEPS_SILENCE
      heard = heard || (here[i] && window != NO_WINDOW);
#else
      if
      :: here[i] -> closeWindow()
      :: else
      fi;
#endif
      forgetPast(i);
      settle()
    }
  :: d_step { /* The acknowledgement arrives, however late: it grants L from when the heartbeat was sent. */
      ack[i] < NO_ACK ->
      if
      :: watched[i] && sent[i] >= SOFT -> closeWindow()
      :: else
      fi;
#ifdef LEASE_FROM_RECEIPT
      sent[i] = 0;
#else
      sent[i] = ack[i];
#endif
      ack[i] = NO_ACK;
      killing[i] = 0;
      forgot[i] = 0;
      settle()
    }
  :: d_step { /* It obeys a start: for the first time, again, or because its copy crashed. */
      !runs[i] && mine(i) && sessionOpen(i) && holdsLease(i) ->
      runs[i] = 1;
      nextStart();
      assert(copies <= 1);
      settle()
    }
#ifdef VOTE_FROM_RECEIPT
  :: d_step {
      runs[i] && sent[i] >= SOFT && !vote[i] && enoughVotes(i) ->
      vote[i] = 1;
      settle()
    }
  :: d_step {
      vote[i] && runs[i] && sent[i] >= SOFT && !killing[i] ->
      vote[i] = 0;
      asked[i] = 0;
      settle()
    }
#else
  :: d_step { /* From its soft end on it asks the others; a vote that comes after killing began changes nothing. */
      runs[i] && sent[i] >= SOFT && !killing[i] && asked[i] > 0 && enoughVotes(i) ->
      asked[i] = 0;
      settle()
    }
#endif
#ifdef UNCOVERED_COMES_BACK
  :: d_step { /* Votes bring back what was killed uncovered. */
      !runs[i] && mine(i) && sessionOpen(i) && sent[i] >= SOFT && enoughVotes(i) ->
      runs[i] = 1;
      asked[i] = 0;
      assert(copies <= 1);
      settle()
    }
#endif
#ifndef CALM
  :: d_step { /* Asked to close, it stops the copy, journals that, and confirms. */
      here[i] && move == 1 ->
      copyGone(i);
#ifdef OBEY_CLOSED_EPOCH
      start[i] = OF_A_CLOSED_EPOCH;
#else
      start[i] = NO_START;
#endif
      move = 2;
      forgetPast(i);
      settle()
    }
  :: d_step { /* Shutdown: all stops, the session is journaled as closed, the goodbye leaves. */
      !ended[i] && !saidGoodbye[i] ->
      copyGone(i);
      saidGoodbye[i] = 1;
      forgetPast(i);
      settle()
    }
  :: d_step { /* It rejoins with the next session, after its containers of older ones have been removed. */
      ended[i] ->
      copyGone(i);
      ended[i] = 0;
      saidGoodbye[i] = 0;
      ack[i] = NO_ACK;
#ifdef OBEY_OLD_SESSION
      start[i] = (start[i] == NO_START -> NO_START : OF_AN_OLDER_SESSION);
#else
      start[i] = NO_START;
#endif
      forgetPast(i);
      settle()
    }
  :: d_step { /* The copy ends by itself, or its host dies and boots again. */
      runs[i] ->
      copyGone(i);
      forgetPast(i);
      settle()
    }
  :: d_step { /* The agent restarts: copy, guard and deadline stay, the lease is forgotten. */
      sent[i] < SOFT && !forgot[i] ->
      forgot[i] = 1;
      ack[i] = NO_ACK;
      forgetPast(i);
      settle()
    }
#endif
  od
}

inline endSession(i) {
  ended[i] = 1;
  if
  :: here[i] -> here[i] = 0; move = 0; closeWindow()
  :: else
  fi
}

inline placeOn(i) {
  here[0] = 0;
  here[1] = 0;
  here[2] = 0;
  here[i] = 1;
  start[i] = OF_THIS_SESSION;
  move = 0;
  closeWindow()
}

/* What the leader observes and decides about node i; each decision is one committed transaction. */
proctype Leader(byte i) {
  do
#ifndef CALM
  :: d_step { /* A window opens in which the node of the present epoch is silent and enough others hold their leases. */
      here[i] && window == NO_WINDOW && OTHERS_TO_DECLARE == 2 && sent[next(i)] < SOFT && sent[last(i)] < SOFT ->
      window = 0;
      watched[next(i)] = 1;
      watched[last(i)] = 1;
      settle()
    }
  :: d_step {
      here[i] && window == NO_WINDOW && OTHERS_TO_DECLARE == 1 && sent[next(i)] < SOFT ->
      window = 0;
      watched[next(i)] = 1;
      settle()
    }
  :: d_step {
      here[i] && window == NO_WINDOW && OTHERS_TO_DECLARE == 0 ->
      window = 0;
      settle()
    }
  :: d_step { /* The window is as long as W: the node is dead. */
      here[i] && window == W && !heardOfIt ->
#ifdef REACH_FAILOVERS
      failovers = (failovers < 3 -> failovers + 1 : 3);
#endif
      endSession(i);
      settle()
    }
  :: d_step { /* Its goodbye arrives. */
      saidGoodbye[i] && !ended[i] ->
#ifdef REACH_GOODBYE
      seen = here[i];
#endif
      endSession(i);
      settle()
    }
  :: d_step { /* The container has no place: the next epoch goes here. */
      !placed && !ended[i] ->
      placeOn(i);
      settle()
    }
  :: d_step { /* Planned: the source is asked to close first. */
      here[i] && move == 0 ->
      move = 1;
      settle()
    }
  :: d_step { /* The source has closed: the next epoch goes here. */
      placed && !here[i] && !ended[i] && sourceClosed ->
#ifdef REACH_MOVE
      seen = 1;
#endif
      placeOn(i);
      settle()
    }
  :: d_step { /* The leader restarts or another takes over: what is committed stays, W begins afresh. */
      window != NO_WINDOW && here[i] ->
#ifdef TAKEOVER_KEEPS_SILENCE
      heard = 0;
#else
      closeWindow();
#endif
      settle()
    }
#else
  :: d_step { /* The leader dies for good, and perhaps one host with it. */
      !leaderGone && i == 0 ->
      leaderGone = 1
    }
  :: d_step {
      !leaderGone && !here[i] ->
      leaderGone = 1;
      deadNode = i
    }
#endif
  od
}

inline older(age, limit) {
  age = (age < limit -> age + 1 : limit)
}

inline tick(i) {
  if
  :: killing[i] -> copyGone(i) /* by the guard, or by the agent */
  :: else
  fi;
  if
  :: watched[i] && sent[i] >= SOFT -> closeWindow()
  :: else
  fi;
  older(sent[i], GONE);
  older(ack[i], NO_ACK);
  older(asked[i], NO_VOTE);
#ifdef REACH_SURVIVAL
  assert(!(runs[i] && sent[i] > L && asked[i] < NO_VOTE));
#endif
  if
  :: runs[i] && sent[i] >= L && asked[i] == NO_VOTE ->
#if defined(CALM) || defined(REACH_KILL)
    assert(false);
#endif
    killing[i] = 1
  :: else
  fi;
  forgetPast(i)
}

#ifdef CALM
/* A healthy network: every node is acknowledged in every tick while the leader lives, and whoever can have votes gets them in time. */
#define inTime(i) ((leaderGone || sent[i] == 0) && \
                   (!runs[i] || sent[i] < SOFT || asked[i] == 0 || !enoughVotes(i)))
#else
#define inTime(i) true
#endif

proctype Clock() {
  do
  :: d_step {
      inTime(0) && inTime(1) && inTime(2) ->
      tick(0);
      tick(1);
      tick(2);
      if
      :: window < W -> window = window + 1
      :: else
      fi;
      settle()
    }
  od
}

init {
  atomic {
    ack[0] = NO_ACK;
    ack[1] = NO_ACK;
    ack[2] = NO_ACK;
    asked[0] = NO_VOTE;
    asked[1] = NO_VOTE;
    asked[2] = NO_VOTE;
    start[0] = OF_THIS_SESSION;
    here[0] = 1;
    window = NO_WINDOW;
    run Node(0);
    run Node(1);
    run Node(2);
    run Leader(0);
    run Leader(1);
    run Leader(2);
    run Clock()
  }
}
