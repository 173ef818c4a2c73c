/*
 * A store as text, and text as a store: for fixtures. The form is that of `mdb_dump -a`, so
 * `mdb_load -f FILE DIRECTORY` reads it too: for each tree a head, then keys and values in turn, in
 * hex. It knows LMDB and nothing of ours: what it writes is what an older version wrote.
 */
#ifndef XR_TESTS_DUMP_H
#define XR_TESTS_DUMP_H

/* Write every tree of the store in `directory`, which nobody writes. Stops where it cannot. */
void dump_write(const char *directory, const char *file);
/* Make a store of that text in `directory`, which is empty. Stops where it is not of that form. */
void dump_load(const char *file, const char *directory);

#endif
