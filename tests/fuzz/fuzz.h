/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one file, fuzz_NAME.c, that defines LLVMFuzzerTestOneInput: it gives the input to a
 * reader of ours and checks with assert() what must hold when it was accepted. clang links it with
 * libFuzzer (preset `fuzz`), other compilers with replay.c, which tries the corpus and no more.
 * tests/fuzz/fuzz.sh runs one.
 */
#ifndef SYNCBED_TESTS_FUZZ_H
#define SYNCBED_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0, as libFuzzer wants it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_PATH_SIZE 32

/* A file in memory with this content, for readers that take a path. The descriptor is the caller's
 * to close; the path ends with it. */
int fuzz_file(const uint8_t *data, size_t size, char ret_path[FUZZ_PATH_SIZE]);

#endif
