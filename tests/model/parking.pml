/* SPDX-License-Identifier: MIT */
/*
 * How connections outlive the daemon: a model for Spin of the protocol park,
 * compact, crash, recover.  `make check-model` explores every order of its
 * steps.
 *
 * The service manager's store keeps a lot for each worker: a queue of messages
 * that carry duplicates of descriptors.  A connection of which one is in there
 * outlives the process.
 *
 *   park       what a worker has that is not in its lot goes to the tail
 *   close      ends a connection; its duplicate stays in the queue, and is dead
 *   compact    drops the first message if nobody lives there; if too much of
 *              the queue is dead, it is rotated: who lives in the first message
 *              is sent again at the tail, and only then it is dropped
 *   crash      comes between any two steps, of recovery too, again and again
 *   recover    looks at what lies in the lots, and it stays there.  Only if the
 *              workers are more or fewer now may it move to another one, and is
 *              parked there as well, if there is room.  Once all who move have
 *              found room lots without a worker leave the store, and lots are
 *              compacted; before that, neither happens in recovery.  Whoever
 *              has found none when it ends, and moved from a lot that is
 *              compacted then, is parked no more than those who are new
 *   hand over  parks all, also streams without counters, and ends the rest;
 *              such a stream leaves the lot again, by a rotation of everything,
 *              or ends, before it is served
 *
 * In src/echod these are lot_park, lot_leave, lot_compact, parking_adopt and
 * parking_settle, and parking_hand_over with lot_renew.  A connection is a bit
 * here; by it a duplicate is known, as by its cookie there (SO_COOKIE).  A step
 * is what the kernel or the manager, which takes requests in their order, does
 * in one piece.  Sending may fail at any time: then it is a step that is not
 * taken.  Left out are bytes (position.c), and managers that refuse.
 *
 * What holds in every state:
 *
 *   KEPT     a connection that was parked and lives is in a stored lot
 *   SINGLE   no connection is served twice
 *   SERVED   once recovery has ended, whatever lives is served
 *   FRESH    a stream without counters is not served while a stored lot has it:
 *            the next process could not tell what had been echoed by then
 *   BOUNDED  the rule of compaction sees all that is dead
 *   HANDED   after a hand-over whatever lives is parked
 *
 * Each of these mistakes (-DMISTAKE=N) breaks the one that is named last:
 */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#define CONSUME_FIRST	(MISTAKE == 1)	/* in a rotation, then send: KEPT */
#define DROP_SURPLUS	(MISTAKE == 2)	/* lots, whoever is there: KEPT */
#define COMPACT_EARLY	(MISTAKE == 3)	/* before all found room: KEPT */
#define NO_COOKIES	(MISTAKE == 4)	/* nothing is known already: SINGLE */
#define CLOSE_ONLY	(MISTAKE == 5)	/* without shutdown: SERVED */
#define NO_RENEWAL	(MISTAKE == 6)	/* serve who is in a lot: FRESH */
#define KEEP_SURPLUS	(MISTAKE == 7)	/* though such are in it: FRESH */
#define LYING_LIVES	(MISTAKE == 8)	/* whoever serves it: BOUNDED */
#define LEAVE_YOUNG	(MISTAKE == 9)	/* behind in a hand-over: HANDED */

/* Few, so that all orders can be seen.  Sets of connections are bits. */
#define TCP	3	/* 2 connections with counters: a message; 253 there */
#define OTHER	4	/* and 1 without */
#define ALL	7
#define PLACES	4	/* messages in a queue; the last is for rotation */

mtype = { DOWN, RECOVERY, SERVICE, HAND_OVER };
mtype phase = DOWN;

typedef queue {
	byte message[PLACES];
	byte length;
	bool stored;
	/* What follows is lost with the process, as what is not stored. */
	byte living[PLACES];	/* of a message, to its worker */
	bool used;		/* by a worker: */
	byte served;		/* its connections */
	byte old		/* renewal: messages to be rotated */
};
queue lot[2];
byte alive;			/* neither end has ended it */
byte parked;			/* and was so once: only KEPT can know that */
bool held;			/* not all who move have found room */

#define COUNT(set)	(((set) & 1) + ((set) >> 1 & 1) + ((set) >> 2 & 1))
#define SUM(a)		(COUNT(a[0]) + COUNT(a[1]) + COUNT(a[2]) + COUNT(a[3]))
#define ANY(a)		(a[0] | a[1] | a[2] | a[3])
#define INSIDE(l)	ANY(lot[l].message)
#define LIVING(l)	ANY(lot[l].living)
#define STORED		((lot[0].stored -> INSIDE(0) : 0) | \
			 (lot[1].stored -> INSIDE(1) : 0))
#define SURPLUS		((lot[0].used -> 0 : INSIDE(0)) | \
			 (lot[1].used -> 0 : INSIDE(1)))
#define KNOWN		(lot[0].served | lot[1].served)
#define UNUSED		(ALL & ~(alive | KNOWN | INSIDE(0) | INSIDE(1)))
#define UNPARKED(l)	(lot[l].served & ~LIVING(l))
#define PARKABLE(l)	(UNPARKED(l) & (phase == HAND_OVER -> ALL : TCP))
#define CHANGED(l)	(lot[l].used != lot[l].stored)

/* More is dead than lives. */
#define WASTE(l, live)	(SUM(lot[l].message) > 2 * (live))
#define DUE(l)		WASTE(l, SUM(lot[l].living))
#define COMPACTS(l)	(lot[l].used && phase == SERVICE && !held)
#define ROTATES(l)	(COMPACTS(l) && DUE(l) || lot[l].old)
#define DROPS(l)	(COMPACTS(l) && lot[l].length || lot[l].old)

#define KEPT		(!(parked & TCP & ~STORED))
#define SERVED		(phase != SERVICE || !(alive & ~KNOWN))
#define FRESH		(phase != SERVICE || !(alive & OTHER & STORED))
#define BOUNDED(l)	(!COMPACTS(l) || DUE(l) || \
			 !WASTE(l, COUNT(LIVING(l) & lot[l].served)))
#define HANDED		(!(alive & ~STORED))

/* --- Of the connections c, which are none then --- */

inline send(l)
{
	lot[l].message[lot[l].length] = c;
	lot[l].living[lot[l].length] = c;
	lot[l].length++;
	parked = parked | c & alive;
	c = 0
}

/* Only one of them. */
inline pick()
{
	if
	:: c & 1 -> c = 1
	:: c & 2 -> c = 2
	:: c & 4 -> c = 4
	fi
}

inline finish()
{
	alive = alive & ~c;
	parked = parked & ~c;
	c = 0
}

/* --- What a process does on its own --- */

/* What is dead or known is closed; OTHER is served, but is not to stay. */
inline look(l)
{
	for (i : 0 .. PLACES - 1) {
		c = lot[l].message[i] & alive & ~(NO_COOKIES -> 0 : KNOWN);
		assert(!(c & KNOWN)); /* SINGLE */
		move = c & (lot[l].used -> movers : ALL);
		lot[l].served = lot[l].served | c & ~move;
		lot[1 - l].served = lot[1 - l].served | move;
		c = (LYING_LIVES -> lot[l].message[i] & alive : c & ~move);
		lot[l].living[i] = c & TCP
	}
	c = 0;
	move = 0
}

/* One worker, which gets a lot that came back, if any did; or two. */
inline begin()
{
	if
	:: lot[0].used = true;
		lot[1].used = true;
		if
		:: CHANGED(0) || CHANGED(1) -> select(movers : 0 .. ALL)
		:: else
		fi
	:: lot[0].stored || !lot[1].stored -> lot[0].used = true
	:: lot[1].stored -> lot[1].used = true
	fi;
	lot[0].stored = lot[0].stored || lot[0].used;
	lot[1].stored = lot[1].stored || lot[1].used;
	held = true;
	look(0);
	look(1);
	movers = 0;
	phase = RECOVERY
}

inline renew(l)
{
	lot[l].old = (lot[l].used && INSIDE(l) & OTHER & KNOWN && !NO_RENEWAL ->
		      lot[l].length : 0)
}

/* Of what is not stored the process has the last duplicates. */
inline leave(l, keep)
{
	for (i : 0 .. PLACES - 1) {
		lot[l].message[i] = (keep -> lot[l].message[i] : 0);
		lot[l].living[i] = 0
	}
	lot[l].length = (keep -> lot[l].length : 0);
	lot[l].stored = keep;
	lot[l].used = false;
	lot[l].served = 0;
	lot[l].old = 0
}

inline settle(l)
{
	if
	:: !lot[l].used && (!held || DROP_SURPLUS) -> leave(l, false)
	:: else ->
		lot[l].old = 0;
		c = (lot[l].stored && !NO_RENEWAL &&
		     (lot[l].used || !KEEP_SURPLUS) ->
		     INSIDE(l) & OTHER & KNOWN : 0);
		finish()
	fi
}

inline end_process()
{
	leave(0, lot[0].stored);
	leave(1, lot[1].stored);
	held = false;
	alive = alive & STORED; /* of the others nobody has a duplicate */
	parked = parked & alive;
	phase = DOWN
}

/* --- Steps: between two of a worker come those of another, and crashes --- */

inline work(l)
{
	if
	:: atomic { phase == SERVICE && lot[l].used && UNUSED ->
		c = UNUSED;
		c = c & -c; /* which one does not matter */
		alive = alive | c;
		lot[l].served = lot[l].served | c;
		c = 0 }
	:: atomic { phase == SERVICE && lot[l].served ->
		c = lot[l].served;
		pick();
		lot[l].served = lot[l].served & ~c;
		for (i : 0 .. PLACES - 1) {
			lot[l].living[i] = lot[l].living[i] & ~c
		}
		c = (CLOSE_ONLY -> 0 : c);
		finish() }
	:: atomic { PARKABLE(l) && lot[l].length + 1 < PLACES ->
		c = PARKABLE(l);
		c = (c == ALL -> TCP : c);
		send(l) }
	:: atomic { ROTATES(l) && lot[l].living[0] && lot[l].length < PLACES ->
		c = lot[l].living[0];
		lot[l].living[0] = 0;
		send(l) }
	:: atomic { DROPS(l) && (!lot[l].living[0] ||
				 CONSUME_FIRST && ROTATES(l)) ->
		for (i : 1 .. PLACES - 1) {
			lot[l].message[i - 1] = lot[l].message[i];
			lot[l].living[i - 1] = lot[l].living[i]
		}
		lot[l].message[PLACES - 1] = 0;
		lot[l].living[PLACES - 1] = 0;
		lot[l].length--;
		lot[l].old = (lot[l].old -> lot[l].old - 1 : 0) }
	fi
}

active proctype everybody()
{
	byte c, i, movers, move;

	do
	:: atomic { phase == DOWN -> begin() }
	:: atomic { phase == RECOVERY && held &&
		    (COMPACT_EARLY || !PARKABLE(0) && !PARKABLE(1)) ->
		held = false;
		renew(0);
		renew(1) }
	:: atomic { phase == RECOVERY ->
		parked = parked & (SURPLUS | ~(UNPARKED(0) | UNPARKED(1)));
		settle(0);
		settle(1);
		held = false;
		phase = SERVICE }
	:: work(0)
	:: work(1)
	:: atomic { phase == SERVICE -> phase = HAND_OVER }
	:: atomic { phase == HAND_OVER ->
		c = (LEAVE_YOUNG -> 0 : UNPARKED(0) | UNPARKED(1));
		finish();
		assert(HANDED);
		end_process() }
	:: atomic { phase != DOWN -> end_process() } /* a crash */
	/* A peer ends one; while it is served that is its end there, too. */
	:: atomic { alive && (phase == DOWN || phase == RECOVERY) ->
		c = alive;
		pick();
		finish() }
	od
}

active proctype witness()
{
end:	do
	:: !KEPT -> assert(KEPT)
	:: !SERVED -> assert(SERVED)
	:: !FRESH -> assert(FRESH)
	:: !BOUNDED(0) -> assert(BOUNDED(0))
	:: !BOUNDED(1) -> assert(BOUNDED(1))
	od
}
