#include "support/dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *dir_make(void)
{
    const char *below = getenv("TMPDIR");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/xiaoer-XXXXXX", below != NULL ? below : "/tmp");
    if (mkdtemp(path) == NULL) {
        perror(path);
        abort();
    }
    char *kept = strdup(path);
    if (kept == NULL)
        abort();
    return kept;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void dir_remove(char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(path);
}
