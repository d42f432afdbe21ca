#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 1000, INTERVAL_MS = 200, BAR = 20, AMOUNT_CAPACITY = 32 };

/* "3.2 MiB" */
static const char *amount(uint64_t bytes, char out[AMOUNT_CAPACITY]) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, AMOUNT_CAPACITY, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

static const char *bar(uint64_t done, uint64_t whole, char out[BAR + 1]) {
    size_t filled = whole == 0 ? BAR : (size_t)((double)done / (double)whole * BAR);
    filled = filled > BAR ? BAR : filled;
    memset(out, ' ', BAR);
    memset(out, '=', filled);
    out[BAR] = '\0';
    return out;
}

/* The body that is under way: ours until all of it is there, then the peer's. */
static void choose(const coax_progress *now, uint64_t *done, uint64_t *whole) {
    bool is_sending = now->received == 0 && (now->to_send == COAX_SIZE_UNKNOWN || now->sent < now->to_send);
    *done = is_sending ? now->sent : now->received;
    *whole = is_sending ? now->to_send : now->to_receive;
}

const char *progress_line(const struct progress *progress, const coax_progress *now, uint64_t elapsed_ms,
                          char out[PROGRESS_LINE_CAPACITY]) {
    char done_text[AMOUNT_CAPACITY], whole_text[AMOUNT_CAPACITY], rate_text[AMOUNT_CAPACITY], bar_text[BAR + 1];
    uint64_t done, whole;
    choose(now, &done, &whole);
    uint64_t fresh = done > progress->skipped ? done - progress->skipped : 0;
    uint64_t rate = elapsed_ms > 0 ? (uint64_t)((double)fresh * 1000 / (double)elapsed_ms) : 0;
    (void)amount(rate, rate_text);
    (void)amount(done, done_text);
    if (whole == COAX_SIZE_UNKNOWN) {
        (void)snprintf(out, PROGRESS_LINE_CAPACITY, "%s, %s/s", done_text, rate_text);
        return out;
    }
    uint64_t left_s = rate > 0 && whole > done ? (whole - done + rate - 1) / rate : 0;
    int percent = whole > 0 ? (int)((double)done * 100 / (double)whole) : 100;
    (void)snprintf(out, PROGRESS_LINE_CAPACITY, "[%s] %3d %%  %s of %s, %s/s, %" PRIu64 " s left",
                   bar(done, whole, bar_text), percent, done_text, amount(whole, whole_text), rate_text, left_s);
    return out;
}

void progress_show(struct progress *progress, const coax_progress *now, uint64_t elapsed_ms) {
    char line[PROGRESS_LINE_CAPACITY];
    if (!progress->wanted || elapsed_ms < PATIENCE_MS || elapsed_ms - progress->last_ms < INTERVAL_MS) {
        return;
    }
    progress->last_ms = elapsed_ms;
    progress->drawn = true;
    fprintf(stderr, "\r\033[K%s", progress_line(progress, now, elapsed_ms, line));
    fflush(stderr);
}

void progress_clear(struct progress *progress) {
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->drawn = false;
    }
}
