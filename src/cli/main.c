/* The `coax` command. */
#include "cli/verbs.h"

int main(int count, char **words) {
    return verbs_run(count > 0 ? count - 1 : 0, words + (count > 0));
}
