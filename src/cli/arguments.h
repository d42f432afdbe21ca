/* Command lines: long options described by a table, each with a reader that puts its value into a struct of settings.

       static const struct argument table[] = {
           {"port", 0, "P", "listen on P", argument_port, offsetof(struct settings, port)},
           {"verbose", 'v', NULL, "say more", argument_count, offsetof(struct settings, verbose)},
       };

   "--name=value" and "--name value" are the same, options may stand before, between and after the other words, and "--"
   ends them. Letters may be joined ("-vq"), and the last of them may take a value ("-oFILE", "-o FILE"). */
#ifndef COAX_CLI_ARGUMENTS_H
#define COAX_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Why a value was not taken: what it should have been, such as "is no number of 0 to 65535". The option's name and the
   value are put before it. */
struct argument_problem {
    char text[256];
};

/* Reads `value` (NULL for an option without one) into `target`. False, with *problem filled, if it cannot be used. */
typedef bool argument_reader(const char *value, void *target, struct argument_problem *problem);

struct argument {
    const char *name;       /* "payload-file": without its dashes */
    char letter;            /* 0: none */
    const char *value_name; /* "FILE"; NULL if the option takes no value */
    const char *help;       /* one line, without a full stop; NULL hides the option from --help */
    argument_reader *read;
    size_t offset; /* of the target in the settings */
};

/* Texts in the order in which they were given; views into the command line. */
enum { ARGUMENT_TEXTS_MAXIMUM = 64 };
struct argument_texts {
    const char *items[ARGUMENT_TEXTS_MAXIMUM];
    size_t count;
};

/* Readers. The target's type stands beside each. */
bool argument_flag(const char *value, void *target, struct argument_problem *problem);    /* bool: set to true */
bool argument_count(const char *value, void *target, struct argument_problem *problem);   /* unsigned: one more */
bool argument_text(const char *value, void *target, struct argument_problem *problem);    /* const char *: a view */
bool argument_texts(const char *value, void *target, struct argument_problem *problem);   /* struct argument_texts */
bool argument_seconds(const char *value, void *target, struct argument_problem *problem); /* uint32_t: milliseconds */
bool argument_number(const char *value, void *target, struct argument_problem *problem);  /* uint32_t: 1 to 1000000 */
bool argument_port(const char *value, void *target, struct argument_problem *problem);    /* int: 0 to 65535 */

/* Fills *problem; returns false, so that a reader can end with it. */
bool argument_refuse(struct argument_problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads `count` words after words[0], which is not looked at. Options go into `settings`, the other words into *others.
   False, after one sentence on stderr, if the words cannot be used: an unknown option (with the nearest known one), a
   value missing, not wanted or refused, or too many words. `command` is what the sentence names, such as "coax get". */
bool arguments_read(const struct argument *table, size_t size, void *settings, struct argument_texts *others,
                    const char *command, int count, char **words);

/* Prints a line for each option that has a help text, aligned. */
void arguments_print(FILE *file, const struct argument *table, size_t size);

#endif
