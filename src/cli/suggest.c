#include "cli/suggest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { WORD_MAXIMUM = 63 };

static size_t smaller(size_t one, size_t other) {
    return one < other ? one : other;
}

static int letter(const char *word, size_t index) {
    return tolower((unsigned char)word[index]);
}

/* One cell of the table of optimal string alignment distances. */
static size_t cell(size_t rows[3][WORD_MAXIMUM + 1], const char *one, const char *other, size_t i, size_t j) {
    size_t exchanged = rows[1][j - 1] + (letter(one, i - 1) != letter(other, j - 1));
    size_t best = smaller(exchanged, smaller(rows[1][j], rows[2][j - 1]) + 1);
    if (i > 1 && j > 1 && letter(one, i - 1) == letter(other, j - 2) && letter(one, i - 2) == letter(other, j - 1)) {
        best = smaller(best, rows[0][j - 2] + 1);
    }
    return best;
}

size_t word_distance(const char *one, const char *other) {
    size_t one_size = strlen(one);
    size_t other_size = strlen(other);
    if (one_size > WORD_MAXIMUM || other_size > WORD_MAXIMUM) {
        return SIZE_MAX;
    }
    size_t rows[3][WORD_MAXIMUM + 1] = {0}; /* the row before last, the last one, and the one that is made */
    for (size_t j = 0; j <= other_size; j++) {
        rows[2][j] = j;
    }
    for (size_t i = 1; i <= one_size; i++) {
        memcpy(rows[0], rows[1], sizeof rows[0]);
        memcpy(rows[1], rows[2], sizeof rows[1]);
        rows[2][0] = i;
        for (size_t j = 1; j <= other_size; j++) {
            rows[2][j] = cell(rows, one, other, i, j);
        }
    }
    return rows[2][other_size];
}

const char *suggest(const char *typed, const void *candidates, size_t count, size_t stride) {
    size_t nearest = 1 + strlen(typed) / 3;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *candidate = NULL;
        memcpy(&candidate, (const char *)candidates + i * stride, sizeof candidate);
        size_t distance = word_distance(typed, candidate);
        if (distance < strlen(candidate) && (distance < nearest || (found == NULL && distance == nearest))) {
            nearest = distance;
            found = candidate;
        }
    }
    return found;
}
