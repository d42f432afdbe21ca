#include "cli/call_line.h"

#include "cli/request_settings.h"
#include "cli/suggest.h"
#include <coax/message.h>
#include <string.h>

static const char blanks[] = " \t\r";

/* The next word, NUL-terminated; NULL if there is none. */
static char *take_word(char **rest) {
    char *word = *rest + strspn(*rest, blanks);
    size_t size = strcspn(word, blanks);
    *rest = word + size + (word[size] != '\0');
    word[size] = '\0';
    return size > 0 ? word : NULL;
}

static bool read_number(const char *word, unsigned *number) {
    *number = 0;
    for (; *word >= '0' && *word <= '9' && *number < 100000000; word++) {
        *number = *number * 10 + (unsigned)(*word - '0');
    }
    return *word == '\0' && *number > 0;
}

static bool refuse_method(const char *word, struct argument_problem *problem) {
    static const char *const methods[] = {"get", "put", "post", "delete", "fetch", "patch", "ipatch"};
    const char *near = word != NULL ? suggest(word, methods, sizeof methods / sizeof *methods, sizeof *methods) : NULL;
    if (word == NULL) {
        return argument_refuse(problem, "what to ask is missing, such as: 1 get /time");
    }
    return argument_refuse(problem, "there is no method '%.40s'%s%s%s", word, near != NULL ? "; did you mean " : "",
                           near != NULL ? near : "", near != NULL ? "?" : "");
}

/* All after the client's number. */
static bool read_request(char *rest, struct call_line *line, struct argument_problem *problem) {
    line->verb = CALL_REQUEST;
    line->method = take_word(&rest);
    line->code = line->method != NULL ? coax_code_method(line->method) : COAX_EMPTY;
    if (line->code == COAX_EMPTY) {
        return refuse_method(line->method, problem);
    }
    line->path = take_word(&rest);
    if (line->path == NULL || line->path[0] != '/') {
        return argument_refuse(problem, "a path that begins with / is missing, such as: %u %s /time", line->number,
                               line->method);
    }
    rest[strcspn(rest, "\r")] = '\0';
    line->payload = *rest != '\0' ? rest : NULL;
    if (line->payload != NULL && !method_has_payload(line->code)) {
        return argument_refuse(problem, "a %s request carries no payload; blanks in a path are written %%20",
                               coax_code_name(line->code));
    }
    return true;
}

static bool read_word(const char *word, struct call_line *line, struct argument_problem *problem) {
    static const struct {
        const char *name;
        enum call_verb verb;
    } words[] = {{"list", CALL_LIST}, {"help", CALL_HELP}, {"?", CALL_HELP}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].name) == 0) {
            line->verb = words[i].verb;
            return true;
        }
    }
    const char *near = suggest(word, words, sizeof words / sizeof *words, sizeof *words);
    return argument_refuse(problem, "'%.40s' is no client's number; %s%s", word,
                           near != NULL ? "did you mean " : "help shows what can be typed", near != NULL ? near : "");
}

bool call_line_read(char *text, struct call_line *line, struct argument_problem *problem) {
    char *rest = text;
    const char *word = take_word(&rest);
    *line = (struct call_line){.verb = CALL_NOTHING};
    if (word == NULL) {
        return true;
    }
    return read_number(word, &line->number) ? read_request(rest, line, problem) : read_word(word, line, problem);
}
