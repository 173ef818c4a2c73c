/* Write the first inputs of the fuzzers into a directory: the golden vectors, as frames and as
 * bodies with their type in front. */
#include "support/vectors.h"

#include <stdio.h>
#include <sys/stat.h>

static int write_seed(const char *directory, size_t number, char form, struct xr_bin head,
                      struct xr_bin bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%c%zu", directory, form, number);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fwrite(head.at, 1, head.size, file) + fwrite(bytes.at, 1, bytes.size, file);
    return fclose(file) != 0 || size != head.size + bytes.size;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    mkdir(argv[1], 0777);
    struct vectors vectors = vectors_load(XR_TESTS_DIR);
    int failed = 0;
    for (size_t i = 0; i < vectors.count && !failed; i++) {
        struct xr_frame frame;
        size_t used;
        if (xr_frame_read(vectors.at[i].frame, &frame, &used) != XR_OK)
            return 1;
        uint8_t type = (uint8_t)frame.type;
        failed = write_seed(argv[1], i, 'f', (struct xr_bin){NULL, 0}, frame.all) ||
                 write_seed(argv[1], i, 'b', (struct xr_bin){&type, 1}, frame.body);
    }
    vectors_free(&vectors);
    return failed;
}
