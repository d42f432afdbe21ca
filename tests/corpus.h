/* The files of a corpus, tests/corpus/NAME/, for tests that try every one of them. */
#ifndef COAX_TESTS_CORPUS_H
#define COAX_TESTS_CORPUS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CORPUS_FILE_MAXIMUM = 65536 };

/* Calls `visit` for each file that ends in `suffix`, with its contents in heap memory of exactly its size, so that a
   sanitizer sees a read past the end. Returns how many there were; 0 is a broken checkout. */
static inline size_t corpus_each(const char *name, const char *suffix,
                                 void (*visit)(const char *file, const uint8_t *data, size_t size)) {
    static uint8_t buffer[CORPUS_FILE_MAXIMUM];
    char folder[1024], path[2048];
    const char *slash = strrchr(__FILE__, '/');
    int here = slash == NULL ? 0 : (int)(slash - __FILE__) + 1;
    snprintf(folder, sizeof folder, "%.*scorpus/%s", here, __FILE__, name);
    DIR *files = opendir(folder);
    size_t count = 0;
    for (struct dirent *file = NULL; files != NULL && (file = readdir(files)) != NULL;) {
        size_t length = strlen(file->d_name), suffix_length = strlen(suffix);
        if (length <= suffix_length || strcmp(file->d_name + length - suffix_length, suffix) != 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, file->d_name);
        FILE *stream = fopen(path, "rb");
        size_t size = stream == NULL ? 0 : fread(buffer, 1, sizeof buffer, stream);
        uint8_t *data = malloc(size == 0 ? 1 : size);
        if (stream != NULL && data != NULL) {
            memcpy(data, buffer, size);
            visit(file->d_name, data, size);
            count++;
        }
        free(data);
        if (stream != NULL) {
            fclose(stream);
        }
    }
    if (files != NULL) {
        closedir(files);
    }
    return count;
}

#endif
