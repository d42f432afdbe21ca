/* Peers over UDP by the thousand, who ask in turn.

   askers PORT PATH PEERS WINDOW

   For each line on standard input, a number, so many GETs are made: of the peers one after the other, of each at most
   WINDOW under way, of all at most 256, which is what a socket takes without losing some. When all are answered, a line
   of JSON says how long that took. What is lost is asked again. */
#include "crowd.h"

enum { SLOTS_MAXIMUM = 1 << 18, UNDER_WAY_MAXIMUM = 256, PATIENCE_MS = 100, TRIES = 50 };

static struct askers {
    struct crowd_socket crowd;
    const char *path;
    uint32_t peers, slots, next;
    uint16_t ids[SLOTS_MAXIMUM];   /* of each peer's last request */
    uint16_t asked[SLOTS_MAXIMUM]; /* the ID that a slot waits for */
    bool is_waiting[SLOTS_MAXIMUM];
    unsigned long left, answered, failed;
    unsigned under_way;
} askers;

static void send_slot(uint32_t slot) {
    uint8_t message[CROWD_MESSAGE];
    size_t size = crowd_write_head(message, COAP_CON, COAP_GET, askers.asked[slot], slot);
    size += crowd_write_path(message + size, 0, askers.path);
    crowd_send(&askers.crowd, CROWD_FIRST + slot % askers.peers, message, size);
}

static void ask_next(void) {
    uint32_t slot = askers.next;
    askers.next = (askers.next + 1) % askers.slots;
    askers.asked[slot] = ++askers.ids[slot % askers.peers];
    askers.is_waiting[slot] = true;
    askers.left--;
    askers.under_way++;
    send_slot(slot);
}

static void take(void *user, const uint8_t *data, size_t size, uint32_t address) {
    (void)user;
    (void)address;
    if (size < 4 + CROWD_TOKEN || (data[0] & 15) != CROWD_TOKEN) {
        return;
    }
    uint32_t slot = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 | data[7];
    uint16_t id = (uint16_t)(data[2] << 8 | data[3]);
    if (slot < askers.slots && askers.is_waiting[slot] && id == askers.asked[slot]) {
        askers.is_waiting[slot] = false;
        askers.under_way--;
        askers.answered++;
        askers.failed += data[1] != COAP_CONTENT;
    }
}

static void ask_again(void) {
    for (uint32_t slot = 0; slot < askers.slots; slot++) {
        if (askers.is_waiting[slot]) {
            send_slot(slot);
        }
    }
}

static void ask(unsigned long count) {
    double begun = crowd_now_s();
    unsigned silences = 0;
    askers.left = count;
    askers.answered = askers.failed = 0;
    while (askers.answered < count && silences < TRIES) {
        while (askers.left > 0 && askers.under_way < UNDER_WAY_MAXIMUM && !askers.is_waiting[askers.next]) {
            ask_next();
        }
        if (crowd_receive(&askers.crowd, PATIENCE_MS, take, NULL)) {
            silences = 0;
        } else {
            silences++;
            ask_again();
        }
    }
    printf("{\"requests\": %lu, \"failed\": %lu, \"seconds\": %.6f}\n", askers.answered,
           askers.failed + count - askers.answered, crowd_now_s() - begun);
    fflush(stdout);
}

int main(int count, char **arguments) {
    char line[32];
    unsigned long peers = count == 5 ? strtoul(arguments[3], NULL, 10) : 0;
    unsigned long window = count == 5 ? strtoul(arguments[4], NULL, 10) : 0;
    if (count != 5 || strlen(arguments[2]) > 12 || peers == 0 || window == 0 || peers * window > SLOTS_MAXIMUM) {
        fprintf(stderr, "askers PORT PATH PEERS WINDOW\n");
        return 2;
    }
    askers.path = arguments[2];
    askers.peers = (uint32_t)peers;
    askers.slots = (uint32_t)(peers * window);
    crowd_open(&askers.crowd, arguments[1]);
    while (fgets(line, sizeof line, stdin) != NULL) {
        ask(strtoul(line, NULL, 10));
    }
    return 0;
}
