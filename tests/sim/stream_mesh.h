/* A few nodes with streams in memory between them, under a virtual clock, from one seed: bytes arrive late, in pieces
   of any size, and are not always taken at once; streams are cut anywhere. On each node runs a whole stack, which dials
   and accepts.

   A host is called "n<node>" followed by whatever tells it from others, such as "n2-17.example". Random numbers of TLS
   are not from the seed. */
#ifndef COAX_TESTS_SIM_STREAM_MESH_H
#define COAX_TESTS_SIM_STREAM_MESH_H

#include "stack/stack.h"

enum { STREAM_NODES = 4 };

/* What becomes of a stream. */
enum stream_fate {
    STREAM_LIVES,
    STREAM_REFUSED, /* it never connects */
    STREAM_ENDED,   /* both ends see the other's half end */
    STREAM_RESET,   /* both ends see a reset */
};

struct stream_mesh;
struct stream;

struct stream_node {
    struct stream_mesh *mesh;
    struct stack *stack;
};

/* One end of a stream; to a stack it is a `link`. */
struct stream_end {
    struct stream *stream;
    struct stream_node *node;
    struct connection *connection; /* NULL: not yet, or it has closed */
    struct timer arrival;          /* something comes in */
    struct timer room;             /* what was refused can be written */
    uint8_t *bytes;                /* on the way to this end */
    size_t size, capacity;
    size_t piece_maximum; /* at most so much arrives at once */
    bool is_ending;       /* the other end has closed, after `bytes` */
    bool is_broken;       /* a reset is on its way */
    bool refuses;         /* wants no input now */
    bool was_refused;     /* the other end has more than there was room for */
    bool has_closed, saw_end;
};

struct stream {
    struct stream *next;
    struct stream_mesh *mesh;
    struct connection *dialling; /* NULL once connected, or given up */
    struct timer dial;
    enum coax_scheme scheme;
    enum stream_fate fate;
    bool is_released;          /* by the test: an end was asked to end it in order */
    uint64_t left;             /* bytes that still arrive before the fate comes */
    struct stream_end ends[2]; /* who dialled, who accepted */
};

struct stream_mesh {
    uint64_t random_state;
    coax_instant now;
    struct timer_heap timers;
    struct stream_node nodes[STREAM_NODES];
    unsigned node_count;
    struct stream *streams; /* all that there ever were, the latest first */
    unsigned stream_count;
    uint32_t delay_maximum_us; /* of a piece */
    unsigned fate_percent;     /* of new streams, how many are lost some time */
    uint32_t fate_bytes;       /* that time: within so many bytes */
};

void stream_mesh_init(struct stream_mesh *mesh, uint64_t seed);

/* Frees the stacks, then what is left. */
void stream_mesh_free(struct stream_mesh *mesh);

/* Adds a node that has a pre-shared key for every secure scheme. */
struct stream_node *stream_mesh_add(struct stream_mesh *mesh, const coax_endpoint_config *config);

/* The stream of a connection that is being dialled or connected. */
struct stream *stream_mesh_stream(const struct connection *connection);

/* Makes a request that goes to a URI once it is submitted; `path` is that of the URI. */
struct coax_request *stream_mesh_request(struct stream_node *from, const char *path);

/* The connection to a URI, begun if need be. */
enum coax_status stream_mesh_connect(struct stream_node *from, const char *uri, struct coax_remote **remote,
                                     coax_error *error);

/* Lets time pass until `until`. */
void stream_mesh_run(struct stream_mesh *mesh, coax_instant until);
void stream_mesh_pass_ms(struct stream_mesh *mesh, uint64_t ms);

#endif
