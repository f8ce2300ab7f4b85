/*
 * Whom the leader must ask before it declares node 0 dead while the voting group changes: three nodes, and sets of voters,
 * or none, that follow each other as the leader likes. README.md beside this file says more; `npm run model` checks it.
 *
 * Of nodes 1 and 2 only this is kept: whether they hold a lease, which changes at any moment. Ages are in ticks, as in
 * fencing.pml. A run ends with the death of node 0.
 */
#define L 4
#define K 1
#define V (L / 2)
#define W (L + K)
#define SOFT (L / 2)
#define EPOCHS 3
#define NO_ACK L
#define NO_VOTE V
#define GONE (L + K)
#define NO_WINDOW (W + 1)

/* The group: sets of voters as bits, one a node, by epoch. Without voters its nodes are fenced all the same, or not. */
#define NO_VOTERS 0
#define UNFENCED 8
byte voters[EPOCHS];
byte present;

/* Node 0. */
byte believes;         /* the epoch that it has journaled */
byte sent;             /* age of the acknowledged heartbeat that is its lease */
byte asked1 = NO_VOTE; /* age of the asking that node 1 answered with a vote, in the epoch believed in */
byte asked2 = NO_VOTE;
byte reach;            /* votes reach so far from now, or the lease that a first fence leaves */
bit free;              /* its lease has no end: it took it in an epoch in which nothing is killed */
bit killing;
bit runs = 1;

/* On the wire: an acknowledgement, and the epoch that it brings. */
byte ack = NO_ACK;
byte brings;

/* The others. */
bit leased1 = 1;
bit leased2 = 1;

/* The leader: what node 0 has confirmed, and a window that ends now, in which it acknowledged nothing to node 0. */
byte confirmed;
byte window = NO_WINDOW;
bit held1;             /* node 1 held a lease throughout the window */
bit held2;
bit dead;

#define has(set, i) ((set >> i) & 1)
#define size(set) (has(set, 0) + has(set, 1) + has(set, 2))
#define set0 voters[believes]

/* More than half of the voters, node 0 counted if it is one. */
#define survivesBy(a, b) (has(set0, 0) + (has(set0, 1) && (a)) + (has(set0, 2) && (b)) > size(set0) / 2)
/* More than half of voters and leader, the leader counted and node 0 not. Without voters nobody is asked. */
#define deadIn(e) (1 + (has(voters[e], 1) && held1) + (has(voters[e], 2) && held2) > (size(voters[e]) + 1) / 2)
#ifdef ONLY_PRESENT_SET
#define asksOf(e) (e == present)
#else
#define asksOf(e) (e >= confirmed && e <= present)
#endif
#ifdef UNFENCED_FORGOTTEN
#define ends(e) 1
#else
#define ends(e) (voters[e] != UNFENCED)
#endif
#define deadAsOf(e) (!asksOf(e) || (deadIn(e) && ends(e)))
#define mayDeclare (window == W && size(voters[present]) > 0 && deadAsOf(0) && deadAsOf(1) && deadAsOf(2))

#define closeWindow() window = NO_WINDOW; held1 = 0; held2 = 0

/* The hard end moves to the oldest asking of a majority + v. */
inline prolong() {
  if
  :: survivesBy(asked1 < NO_VOTE, asked2 < NO_VOTE) ->
    if
    :: survivesBy(asked1 < NO_VOTE, false) && V - asked1 > reach -> reach = V - asked1
    :: else
    fi;
    if
    :: survivesBy(false, asked2 < NO_VOTE) && V - asked2 > reach -> reach = V - asked2
    :: else
    fi;
    if
    :: asked1 < NO_VOTE && asked2 < NO_VOTE && V - asked1 > reach && V - asked2 > reach ->
      reach = V - (asked1 > asked2 -> asked1 : asked2)
    :: else
    fi
  :: else
  fi
#ifdef REACH_OUTVOTED
  assert(!(reach > 0 && sent >= L && size(set0) == 2 && !has(set0, 0)))
#endif
}

proctype Node0() {
  do
  :: d_step { /* A heartbeat reaches the leader and tells which epoch is journaled; it counts with the acknowledgement. */
      !dead ->
      confirmed = believes;
      ack = 0;
      brings = present;
      closeWindow()
    }
#ifdef CONFIRM_WITHOUT_ACK
  :: d_step { !dead && confirmed < believes -> confirmed = believes }
#endif
  :: d_step { /* The acknowledgement arrives; another epoch is journaled before anything else, and old votes are void. */
      ack < NO_ACK && ack <= sent ->
      sent = ack;
      ack = NO_ACK;
      killing = 0;
      asked1 = NO_VOTE;
      asked2 = NO_VOTE;
      believes = (brings > believes -> brings : believes);
      if
      :: free && set0 != UNFENCED -> free = 0; reach = L
      :: else -> free = (set0 == UNFENCED)
      fi
    }
  :: d_step { runs && !free && sent >= SOFT && !killing && !leased1 && asked1 > 0 -> asked1 = 0; prolong() }
  :: d_step { runs && !free && sent >= SOFT && !killing && !leased2 && asked2 > 0 -> asked2 = 0; prolong() }
  od
}

proctype Others() {
  do
  :: d_step { !leased1 -> leased1 = 1 }
  :: d_step { !leased2 -> leased2 = 1 }
  :: d_step { leased1 -> leased1 = 0; held1 = 0 }
  :: d_step { leased2 -> leased2 = 0; held2 = 0 }
  od
}

proctype Leader() {
  do
  :: d_step { !dead && present < EPOCHS - 1 -> present = present + 1; voters[present] = 3 }
  :: d_step { !dead && present < EPOCHS - 1 -> present = present + 1; voters[present] = 5 }
  :: d_step { !dead && present < EPOCHS - 1 -> present = present + 1; voters[present] = 6 }
  :: d_step { !dead && present < EPOCHS - 1 -> present = present + 1; voters[present] = 7 }
  :: d_step { !dead && present < EPOCHS - 1 -> present = present + 1; voters[present] = NO_VOTERS }
  :: d_step { !dead && present < EPOCHS - 1 -> present = present + 1; voters[present] = UNFENCED }
  :: d_step { !dead && window == NO_WINDOW -> window = 0; held1 = leased1; held2 = leased2 }
  :: d_step { window < NO_WINDOW -> closeWindow() }
  :: d_step { /* It declares node 0 dead, and somebody else starts the container. */
      !dead && mayDeclare ->
      dead = 1;
      closeWindow();
#ifdef REACH_DEATH
      assert(!(confirmed < present && believes < present));
#endif
#ifdef REACH_FIRST
      assert(!(confirmed < present && voters[confirmed] == NO_VOTERS));
#endif
#ifdef REACH_FENCED_AGAIN
      assert(!(confirmed > 0 && voters[confirmed - 1] == UNFENCED));
#endif
      assert(!runs)
    }
  od
}

inline older(age, limit) {
  age = (age < limit -> age + 1 : limit)
}

proctype Clock() {
  do
  :: d_step {
      runs = runs && !killing;
      killing = 0;
      older(sent, GONE);
      older(ack, NO_ACK);
      older(asked1, NO_VOTE);
      older(asked2, NO_VOTE);
      reach = (reach > 0 -> reach - 1 : 0);
      if
      :: window < W -> window = window + 1
      :: window == W -> closeWindow()
      :: else
      fi;
      killing = runs && !free && sent >= L && reach == 0
    }
  od
}

init {
  atomic {
    if
    :: voters[0] = 7
    :: voters[0] = NO_VOTERS
    :: voters[0] = UNFENCED; free = 1
    fi;
    run Node0();
    run Others();
    run Leader();
    run Clock()
  }
}
