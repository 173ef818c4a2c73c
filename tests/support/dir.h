/* A directory for one test: made empty, removed with all that is in it. */
#ifndef XR_TESTS_DIR_H
#define XR_TESTS_DIR_H

/* The path, in memory that dir_remove frees. Fails the process where it cannot be made. */
char *dir_make(void);
/* Remove it, its files, and the directories below. */
void dir_remove(char *path);

#endif
