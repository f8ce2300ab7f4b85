/*
 * What the leader may conclude from heartbeats about the lease of one voter: it counts [received - heldFor,
 * that acknowledgement sent + remaining], and whatever it counts must be true. fencing.pml builds on this: there the
 * leader simply knows the true leases. README.md beside this file says more; `npm run model` checks it.
 *
 * Every time is an age in ticks; what is older than H is forgotten by all. A heartbeat is known by its age, since at
 * most one leaves in a tick; that stands for its sequence number.
 */
#define SOFT 3 /* from the sending of the acknowledged heartbeat to the soft end */
#ifndef H
#define H 5
#endif
#define TOO_OLD (H + 1)
#define NOTHING TOO_OLD
#define FLIGHT 2 /* heartbeats on their way at a time: enough for one to overtake another */
#define ACKS 2   /* acknowledgements whose sending the leader remembers; one that it forgot proves nothing */

/* The voter. */
byte granted = TOO_OLD;  /* age of the acknowledged heartbeat that is its lease */
byte held;               /* without a gap before its soft end, for so long */
bit beaten;              /* it has sent a heartbeat in this tick */
byte truth;              /* bit k: it held a lease in the whole tick that ended k ticks ago */

/* The network: heartbeats, each with what it confirms, and acknowledgements. */
byte beat[FLIGHT];
byte beatAck[FLIGHT];    /* age of the heartbeat whose acknowledgement its sender had seen last */
byte beatHeld[FLIGHT];
byte beatRemaining[FLIGHT];
byte ack[FLIGHT];        /* age of the heartbeat it answers */

/* The leader. */
byte highest = TOO_OLD;  /* age of the newest heartbeat it received: what is not newer is dropped */
byte answered[ACKS];     /* age of a heartbeat that it acknowledged */
byte answeredAt[ACKS];   /* how long ago */
bit covers;              /* it counts the voter as covered from `from` ago until `past` ago, or for `ahead` more */
byte from;
byte past;
byte ahead;

#define leased (granted < SOFT)

/* Tick k ago lies within what the leader counts. */
#define counted(k) (covers && from >= k + 1 && past <= k)
#define true(k) ((truth >> k) & 1)
#define right(k) (!counted(k) || true(k))

inline judge() {
#ifdef REACH_COVERED
  assert(!(covers && from >= H - 1 && ahead > 0));
#endif
  assert(right(0) && right(1) && right(2) && right(3) && right(4));
  assert(!covers || ahead == 0 || leased)
}

inline forgetBeat(s) {
  beat[s] = NOTHING;
  beatAck[s] = NOTHING;
  beatHeld[s] = 0;
  beatRemaining[s] = 0
}

inline sendIn(s) {
  beat[s] = 0;
  if
  :: leased ->
    beatAck[s] = granted;
    beatHeld[s] = held;
    beatRemaining[s] = SOFT - granted
  :: else ->
    beatAck[s] = NOTHING;
    beatHeld[s] = 0;
    beatRemaining[s] = 0
  fi;
  beaten = 1
}

/* Joins what a heartbeat proves, [start ago, end ago or ahead], with what was known, where they meet. */
inline joinCoverage(start, endPast, endAhead) {
  if
  :: !covers || start < past || (from < endPast) ->
    /* Apart: the later one counts. */
    if
    :: !covers || endAhead > ahead || (ahead == 0 && endAhead == 0 && endPast < past) ->
      covers = 1;
      from = start;
      past = endPast;
      ahead = endAhead
    :: else
    fi
  :: else ->
    from = (start > from -> start : from);
    past = (endPast < past -> endPast : past);
    ahead = (endAhead > ahead -> endAhead : ahead)
  fi
}

inline receive(s) {
  seenAt = NOTHING;
  if
  :: beatRemaining[s] > 0 && beatAck[s] == answered[0] && answered[0] < TOO_OLD -> seenAt = answeredAt[0]
  :: beatRemaining[s] > 0 && beatAck[s] == answered[1] && answered[0] != answered[1] && answered[1] < TOO_OLD ->
    seenAt = answeredAt[1]
  :: else
  fi;
#ifdef END_FROM_RECEIPT
  seenAt = (seenAt == NOTHING -> NOTHING : 0);
#endif
#ifdef START_FROM_ACK
  start = seenAt + beatHeld[s];
#else
  start = beatHeld[s];
#endif
  if
  :: seenAt < NOTHING && seenAt >= beatRemaining[s] ->
    endPast = seenAt - beatRemaining[s];
    if
    :: start > endPast -> joinCoverage(start, endPast, 0)
    :: else
    fi
  :: seenAt < NOTHING && seenAt < beatRemaining[s] -> joinCoverage(start, 0, beatRemaining[s] - seenAt)
  :: else
  fi;
  /* It is acknowledged, and when that was is noted. */
  if
  :: answered[0] == beat[s] -> answeredAt[0] = 0
  :: answered[0] != beat[s] && answered[1] == beat[s] -> answeredAt[1] = 0
  :: else ->
    answered[1] = answered[0];
    answeredAt[1] = answeredAt[0];
    answered[0] = beat[s];
    answeredAt[0] = 0
  fi;
  highest = (beat[s] < highest -> beat[s] : highest);
  ack[s] = beat[s];
  seenAt = 0;
  start = 0;
  endPast = 0;
  judge()
}

#ifdef REACK_DUPLICATES
#define fresh(s) (beat[s] < TOO_OLD)
#else
#define fresh(s) (beat[s] < highest)
#endif

inline older(age) {
  age = (age < TOO_OLD -> age + 1 : TOO_OLD)
}

inline olderBeat(s) {
  if
  :: beat[s] < TOO_OLD ->
    older(beat[s]);
    older(beatAck[s]);
    if
    :: beat[s] == TOO_OLD -> forgetBeat(s)
    :: else
    fi
  :: else
  fi
}

inline olderAck(s) {
  older(ack[s]);
  if
  :: ack[s] >= SOFT -> ack[s] = NOTHING
  :: else
  fi
}

inline olderAnswer(s) {
  if
  :: answered[s] < TOO_OLD ->
    older(answered[s]);
    older(answeredAt[s]);
    if
    :: answered[s] == TOO_OLD -> answeredAt[s] = TOO_OLD
    :: else
    fi
  :: else
  fi
}

hidden byte seenAt;
hidden byte start;
hidden byte endPast;

/* An acknowledgement arrives, of a heartbeat newer than the one that is the lease. */
inline grant(s) {
  if
#ifdef HELD_THROUGH_GAP
  :: true
#else
  :: leased
  :: else -> held = 0
#endif
  fi;
  granted = ack[s];
  ack[s] = NOTHING;
  judge()
}

proctype Voter() {
  do
  :: d_step { !beaten -> sendIn(0) } /* One heartbeat a tick; it may take the place of one that is lost. */
  :: d_step { !beaten -> sendIn(1) }
  :: d_step { ack[0] < granted -> grant(0) }
  :: d_step { ack[1] < granted -> grant(1) }
  od
}

/* A received heartbeat stays where it was: it may arrive once more. */
proctype Leader() {
  do
  :: d_step { fresh(0) -> receive(0) }
  :: d_step { fresh(1) -> receive(1) }
  od
}

proctype Clock() {
  do
  :: d_step {
      truth = ((truth << 1) | leased) & ((1 << H) - 1);
      held = (leased -> (held < H -> held + 1 : H) : held);
      older(granted);
      if
      :: granted >= SOFT && granted < TOO_OLD -> granted = SOFT
      :: else
      fi;
#ifndef HELD_THROUGH_GAP
      held = (leased -> held : 0);
#endif
      beaten = 0;
      olderAck(0);
      olderAck(1);
      older(highest);
      olderBeat(0);
      olderBeat(1);
      olderAnswer(0);
      olderAnswer(1);
      if
      :: covers ->
        from = (from < H -> from + 1 : H);
        if
        :: ahead > 0 -> ahead = ahead - 1
        :: else -> past = past + 1
        fi;
        if
        :: past >= H -> covers = 0; from = 0; past = 0; ahead = 0
        :: else
        fi
      :: else
      fi;
      judge()
    }
  od
}

init {
  atomic {
    forgetBeat(0);
    forgetBeat(1);
    ack[0] = NOTHING;
    ack[1] = NOTHING;
    answered[0] = TOO_OLD;
    answered[1] = TOO_OLD;
    answeredAt[0] = TOO_OLD;
    answeredAt[1] = TOO_OLD;
    run Voter();
    run Leader();
    run Clock()
  }
}
