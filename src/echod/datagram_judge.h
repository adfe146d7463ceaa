/* SPDX-License-Identifier: MIT */
/*
 * Which messages that a datagram socket has received are answered: screen and
 * limiter are asked of each, and what is refused is counted.
 */
#ifndef ECHOD_DATAGRAM_JUDGE_H
#define ECHOD_DATAGRAM_JUDGE_H

#include "echod/datagram.h"

/*
 * Plan replies, in its batch, to those of the first `received` messages that
 * may have one.
 */
void datagram_judge(struct datagram *datagram, unsigned received);

#endif
