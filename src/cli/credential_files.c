#include "cli/credential_files.h"

#include "cli/complain.h"

bool credential_files_load(coax_credentials *credentials, const struct argument_texts *files, bool quiet,
                           coax_error *error) {
    for (size_t i = 0; i < files->count; i++) {
        coax_error warning = {.text = ""};
        if (coax_credentials_load_file(credentials, files->items[i], &warning, error) != COAX_OK) {
            return false;
        }
        if (warning.text[0] != '\0' && !quiet) {
            remark("%s", warning.text);
        }
    }
    return true;
}
