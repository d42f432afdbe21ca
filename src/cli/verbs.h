/* From the words of a command line to the verb that they are for. */
#ifndef COAX_CLI_VERBS_H
#define COAX_CLI_VERBS_H

/* Runs `coax` with the words after its name; returns an exit code. */
int verbs_run(int count, char **words);

#endif
