/* Observers by the thousand, each a peer of its own: one socket, from which each sends with its own address of
   loopback.

   observers PORT PATH COUNT

   They register at 127.0.0.1, and a line of JSON says how many are observers. For each line on standard input the
   resource is PUT, and when every observer has been told, or none is told for a while, the next line of JSON follows.
   The messages are made here, so that what is measured has one library in it, the server's. */
#include "crowd.h"

enum {
    OBSERVERS_MAXIMUM = 200000,
    WINDOW = 64,
    PATIENCE_MS = 4000, /* longer than the pause before a retransmission */
};

static struct crowd {
    struct crowd_socket socket;
    const char *path;
    uint32_t count, asked, told;
    uint16_t id;
    uint8_t told_in[OBSERVERS_MAXIMUM]; /* the round in which each was told last */
    uint8_t round;
    bool done; /* the PUT */
} crowd = {.round = 1};

static void ask(uint32_t observer) {
    uint8_t message[CROWD_MESSAGE];
    size_t size = crowd_write_head(message, COAP_CON, COAP_GET, ++crowd.id, observer);
    message[size++] = 6 << 4; /* Observe: 0 */
    size += crowd_write_path(message + size, 6, crowd.path);
    crowd_send(&crowd.socket, CROWD_FIRST + observer, message, size);
}

static void put(void) {
    uint8_t message[CROWD_MESSAGE];
    size_t size = crowd_write_head(message, COAP_CON, COAP_PUT, ++crowd.id, UINT32_MAX);
    size += crowd_write_path(message + size, 0, crowd.path);
    size += (size_t)snprintf((char *)message + size, CROWD_MESSAGE - size, "\xffround %u", crowd.round);
    crowd_send(&crowd.socket, INADDR_LOOPBACK, message, size);
}

static void acknowledge(uint32_t address, const uint8_t *data) {
    const uint8_t message[] = {COAP_ACK, 0, data[2], data[3]};
    crowd_send(&crowd.socket, address, message, sizeof message);
}

static void take(void *user, const uint8_t *data, size_t size, uint32_t address) {
    (void)user;
    if (size < 4 || ((data[0] & 0x30) == 0 && size < 4 + CROWD_TOKEN)) {
        return;
    }
    if ((data[0] & 0x30) == 0) {
        acknowledge(address, data);
    }
    if ((data[0] & 15) != CROWD_TOKEN || size < 4 + CROWD_TOKEN) {
        return;
    }
    uint32_t token = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 | data[7];
    crowd.done = crowd.done || (token == UINT32_MAX && data[1] >> 5 == 2);
    if (token < crowd.count && data[1] == COAP_CONTENT && crowd.told_in[token] != crowd.round) {
        crowd.told_in[token] = crowd.round;
        crowd.told++;
    }
}

static void report(double begun) {
    printf("{\"told\": %u, \"seconds\": %.6f}\n", crowd.told, crowd_now_s() - begun);
    fflush(stdout);
}

static void register_all(void) {
    double begun = crowd_now_s();
    for (bool goes_on = true; goes_on && crowd.told < crowd.count;) {
        while (crowd.asked < crowd.count && crowd.asked - crowd.told < WINDOW) {
            ask(crowd.asked++);
        }
        goes_on = crowd_receive(&crowd.socket, PATIENCE_MS, take, NULL);
    }
    report(begun);
}

static void change(void) {
    double begun = crowd_now_s();
    crowd.round++;
    crowd.told = 0;
    crowd.done = false;
    put();
    while ((crowd.told < crowd.count || !crowd.done) && crowd_receive(&crowd.socket, PATIENCE_MS, take, NULL)) {
    }
    report(begun);
}

int main(int count, char **arguments) {
    char line[16];
    if (count != 4 || strlen(arguments[2]) > 12 || strtoul(arguments[3], NULL, 10) > OBSERVERS_MAXIMUM) {
        fprintf(stderr, "observers PORT PATH COUNT\n");
        return 2;
    }
    crowd.path = arguments[2];
    crowd.count = (uint32_t)strtoul(arguments[3], NULL, 10);
    crowd_open(&crowd.socket, arguments[1]);
    register_all();
    while (fgets(line, sizeof line, stdin) != NULL) {
        change();
    }
    return 0;
}
