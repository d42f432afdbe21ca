/* A peer's retransmission timeout (RTO) from what its round trips took: CoCoA, draft-ietf-core-cocoa-03. Exchanges
   that were acknowledged at once feed a strong estimator, those that needed retransmissions a weak one.

   It departs from the draft in one point: an acknowledgement that comes when one to the last retransmission is due, as
   the strong estimator knows it, tells of a loss, not of a slow path, and feeds none. Else each loss would prolong the
   next wait, which on a long path costs more than the default's constant does. */
#ifndef COAX_TRANSPORT_DATAGRAM_COCOA_H
#define COAX_TRANSPORT_DATAGRAM_COCOA_H

#include "base/clock.h"

/* As in RFC 6298; times in microseconds. */
struct rtt_estimator {
    uint32_t smoothed; /* 0: nothing was measured yet */
    uint32_t variation;
};

struct cocoa {
    struct rtt_estimator strong, weak;
    uint32_t rto; /* 0: nothing was measured yet */
    coax_instant updated;
};

/* The timeout of a message that goes out while so many others are unconfirmed; `blind_ms` is that of a peer of which
   nothing is known: `cocoa` is NULL then, or empty. What was not confirmed by new measurements for long moves back to
   the usual range first. */
uint32_t coax_cocoa_timeout_ms(struct cocoa *cocoa, coax_instant now, uint32_t blind_ms, uint32_t unconfirmed);

/* The timeout after this one: small ones grow faster, large ones more slowly, and none past 32 s. */
uint32_t coax_cocoa_next_timeout_ms(uint32_t timeout_ms);

/* A message was acknowledged; it was sent at `first`, and after that number of retransmissions at `last`. */
void coax_cocoa_measured(struct cocoa *cocoa, coax_instant now, coax_instant first, coax_instant last,
                         unsigned retransmissions, uint32_t blind_ms);

#endif
