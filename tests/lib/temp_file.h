/* temp_file.h - an empty file for the tests of a program: set-up and tear-down of the group. */
#ifndef SYNCBED_TESTS_TEMP_FILE_H
#define SYNCBED_TESTS_TEMP_FILE_H

extern char temp_path[64];

int temp_file_make(void **state);
int temp_file_remove(void **state);

#endif
