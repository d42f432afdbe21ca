#include "cli/arguments.h"

#include "cli/complain.h"
#include "cli/suggest.h"
#include <stdarg.h>
#include <string.h>

bool argument_refuse(struct argument_problem *problem, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(problem->text, sizeof problem->text, format, arguments) < 0) {
        problem->text[0] = '\0';
    }
    va_end(arguments);
    return false;
}

bool argument_flag(const char *value, void *target, struct argument_problem *problem) {
    (void)value;
    (void)problem;
    *(bool *)target = true;
    return true;
}

bool argument_count(const char *value, void *target, struct argument_problem *problem) {
    (void)value;
    (void)problem;
    (*(unsigned *)target)++;
    return true;
}

bool argument_text(const char *value, void *target, struct argument_problem *problem) {
    (void)problem;
    *(const char **)target = value;
    return true;
}

bool argument_texts(const char *value, void *target, struct argument_problem *problem) {
    struct argument_texts *texts = target;
    if (texts->count == ARGUMENT_TEXTS_MAXIMUM) {
        return argument_refuse(problem, "is one too many: %d are the most", ARGUMENT_TEXTS_MAXIMUM);
    }
    texts->items[texts->count++] = value;
    return true;
}

/* Reads decimal digits up to `limit`; moves *text past them. False if there are none or the number is larger. */
static bool read_digits(const char **text, uint64_t limit, uint64_t *number) {
    const char *at = *text;
    *number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        *number = *number * 10 + (uint64_t)(*at - '0');
        if (*number > limit) {
            return false;
        }
    }
    bool any = at != *text;
    *text = at;
    return any;
}

bool argument_seconds(const char *value, void *target, struct argument_problem *problem) {
    enum { LONGEST_S = 4000000 };
    const char *at = value;
    uint64_t whole = 0;
    bool good = *at == '.' || read_digits(&at, LONGEST_S, &whole);
    uint64_t milliseconds = whole * 1000;
    if (good && *at == '.') {
        at++;
        good = *at != '\0';
        for (uint64_t worth = 100; *at >= '0' && *at <= '9'; at++, worth /= 10) {
            milliseconds += worth * (uint64_t)(*at - '0');
        }
    }
    if (!good || *at != '\0' || milliseconds == 0) {
        return argument_refuse(problem, "is no number of seconds from 0.001 to %d, such as 2 or 0.5", LONGEST_S);
    }
    *(uint32_t *)target = (uint32_t)milliseconds;
    return true;
}

bool argument_number(const char *value, void *target, struct argument_problem *problem) {
    enum { LARGEST = 1000000 };
    uint64_t number = 0;
    if (!read_digits(&value, LARGEST, &number) || *value != '\0' || number == 0) {
        return argument_refuse(problem, "is no number from 1 to %d", LARGEST);
    }
    *(uint32_t *)target = (uint32_t)number;
    return true;
}

bool argument_port(const char *value, void *target, struct argument_problem *problem) {
    uint64_t port = 0;
    if (!read_digits(&value, UINT16_MAX, &port) || *value != '\0') {
        return argument_refuse(problem, "is no port: a number of 0 to 65535");
    }
    *(int *)target = (int)port;
    return true;
}

/* What one reading of a command line has at hand. */
struct reading {
    const struct argument *table;
    size_t size;
    void *settings;
    struct argument_texts *others;
    const char *command;
    char **next; /* the words not yet read, up to `end` */
    char **end;
};

static const struct argument *by_name(const struct reading *reading, const char *name, size_t size) {
    for (size_t i = 0; i < reading->size; i++) {
        const char *candidate = reading->table[i].name;
        if (strlen(candidate) == size && memcmp(candidate, name, size) == 0) {
            return &reading->table[i];
        }
    }
    return NULL;
}

static const struct argument *by_letter(const struct reading *reading, char letter) {
    for (size_t i = 0; i < reading->size; i++) {
        if (reading->table[i].letter != 0 && reading->table[i].letter == letter) {
            return &reading->table[i];
        }
    }
    return NULL;
}

static bool take(const struct reading *reading, const struct argument *argument, const char *value) {
    struct argument_problem problem = {""};
    if (argument->read(value, (char *)reading->settings + argument->offset, &problem)) {
        return true;
    }
    complain(EXIT_USAGE, "--%s: '%s' %s", argument->name, value != NULL ? value : "", problem.text);
    return false;
}

/* The next word as a value. One that is an option itself is refused: it more likely shows that the value was forgotten.
 */
static const char *value_from_next(struct reading *reading, const struct argument *argument) {
    if (reading->next == reading->end) {
        complain(EXIT_USAGE, "--%s needs a value: --%s %s ('%s --help' tells more)", argument->name, argument->name,
                 argument->value_name, reading->command);
        return NULL;
    }
    const char *word = *reading->next;
    if (strncmp(word, "--", 2) == 0 && by_name(reading, word + 2, strcspn(word + 2, "=")) != NULL) {
        complain(EXIT_USAGE, "--%s needs a value, and '%s' is an option; to mean it as the value, write --%s=%s",
                 argument->name, word, argument->name, word);
        return NULL;
    }
    reading->next++;
    return word;
}

static bool read_long(struct reading *reading, const char *word) {
    size_t size = strcspn(word, "=");
    const struct argument *argument = by_name(reading, word, size);
    if (argument == NULL) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), word);
        const char *near = suggest(name, reading->table, reading->size, sizeof reading->table[0]);
        complain(EXIT_USAGE, "there is no option --%s%s%s%s ('%s --help' lists them)", name,
                 near != NULL ? "; did you mean --" : "", near != NULL ? near : "", near != NULL ? "?" : "",
                 reading->command);
        return false;
    }
    const char *value = word[size] == '=' ? word + size + 1 : NULL;
    if (argument->value_name == NULL) {
        if (value != NULL) {
            complain(EXIT_USAGE, "--%s takes no value, and '%s' was given", argument->name, value);
            return false;
        }
        return take(reading, argument, NULL);
    }
    if (value == NULL) {
        value = value_from_next(reading, argument);
    }
    return value != NULL && take(reading, argument, value);
}

static bool read_letters(struct reading *reading, const char *letters) {
    for (; *letters != '\0'; letters++) {
        const struct argument *argument = by_letter(reading, *letters);
        if (argument == NULL) {
            const struct argument *meant = by_name(reading, letters, strcspn(letters, "="));
            complain(EXIT_USAGE, "there is no option -%c%s%s%s ('%s --help' lists them)", *letters,
                     meant != NULL ? "; did you mean --" : "", meant != NULL ? meant->name : "",
                     meant != NULL ? "?" : "", reading->command);
            return false;
        }
        if (argument->value_name != NULL) {
            const char *value = letters[1] != '\0' ? letters + 1 : value_from_next(reading, argument);
            return value != NULL && take(reading, argument, value);
        }
        if (!take(reading, argument, NULL)) {
            return false;
        }
    }
    return true;
}

static bool keep_other(struct reading *reading, const char *word) {
    struct argument_problem problem = {""};
    if (argument_texts(word, reading->others, &problem)) {
        return true;
    }
    complain(EXIT_USAGE, "'%s' %s", word, problem.text);
    return false;
}

bool arguments_read(const struct argument *table, size_t size, void *settings, struct argument_texts *others,
                    const char *command, int count, char **words) {
    struct reading reading = {table, size, settings, others, command, words + (count > 0), words + count};
    bool options_over = false;
    bool good = true;
    while (good && reading.next < reading.end) {
        const char *word = *reading.next++;
        if (options_over || word[0] != '-' || word[1] == '\0') {
            good = keep_other(&reading, word);
        } else if (strcmp(word, "--") == 0) {
            options_over = true;
        } else if (word[1] == '-') {
            good = read_long(&reading, word + 2);
        } else {
            good = read_letters(&reading, word + 1);
        }
    }
    return good;
}

/* "-o, --output FILE" */
static int signature(const struct argument *argument, char *out, size_t capacity) {
    char letter[8] = "    ";
    if (argument->letter != 0) {
        snprintf(letter, sizeof letter, "-%c, ", argument->letter);
    }
    return snprintf(out, capacity, "%s--%s%s%s", letter, argument->name, argument->value_name != NULL ? " " : "",
                    argument->value_name != NULL ? argument->value_name : "");
}

void arguments_print(FILE *file, const struct argument *table, size_t size) {
    char text[128];
    int width = 0;
    for (size_t i = 0; i < size; i++) {
        int length = table[i].help != NULL ? signature(&table[i], text, sizeof text) : 0;
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < size; i++) {
        if (table[i].help != NULL) {
            signature(&table[i], text, sizeof text);
            fprintf(file, "  %-*s  %s\n", width, text, table[i].help);
        }
    }
}
