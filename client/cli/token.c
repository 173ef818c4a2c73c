/* Tokens in files: one line each, locked while in use. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define LINE_BYTES (XR_TOKEN_BYTES * 2 + 1)

static bool token_directory(char *out, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int length = -1;
    if (config != NULL && config[0] == '/')
        length = snprintf(out, size, "%s/xiaoer", config);
    else if (home != NULL && home[0] == '/')
        length = snprintf(out, size, "%s/.config/xiaoer", home);
    if (length < 0 || (size_t)length >= size) {
        xr_cli_complain("HOME is not set: say --token-file");
        return false;
    }
    return true;
}

/* A name becomes part of a file's name: no slashes, no leading dot. */
static void append_safe(char *out, size_t size, const char *name)
{
    size_t at = strlen(out);
    for (; *name != '\0' && at + 1 < size; name++)
        out[at++] = *name == '/' || *name == '.' ? '_' : *name;
    out[at] = '\0';
}

/* The one file of this floor that there is. */
static bool find_only(const struct xr_cli *cli, const char *directory, char *out, size_t size)
{
    char prefix[XR_NAME_MAX * 4 + 2] = "";
    size_t found = 0;
    append_safe(prefix, sizeof(prefix) - 1, cli->floor);
    const size_t end_at = strlen(prefix);
    memcpy(prefix + end_at, "-", 2);
    DIR *open_directory = opendir(directory);
    const struct dirent *entry = NULL;
    while (open_directory != NULL && (entry = readdir(open_directory)) != NULL) {
        const char *end = strstr(entry->d_name, ".token");
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || end == NULL || end[6] != '\0')
            continue;
        snprintf(out, size, "%s/%s", directory, entry->d_name);
        found++;
    }
    if (open_directory != NULL)
        closedir(open_directory);
    if (found == 0)
        xr_cli_complain("not logged in to floor `%s`: `xiaoer login NAME` first", cli->floor);
    if (found > 1)
        xr_cli_complain("several log-ins are stored for floor `%s`: say --login NAME", cli->floor);
    return found == 1;
}

bool xr_cli_token_path(const struct xr_cli *cli, char *out, size_t size)
{
    char directory[2048];
    if (cli->token_file != NULL) {
        snprintf(out, size, "%s", cli->token_file);
        return true;
    }
    if (!token_directory(directory, sizeof(directory)))
        return false;
    if (cli->login == NULL)
        return find_only(cli, directory, out, size);
    snprintf(out, size, "%s/", directory);
    append_safe(out, size, cli->floor);
    strncat(out, "-", size - strlen(out) - 1);
    append_safe(out, size, cli->login);
    strncat(out, ".token", size - strlen(out) - 1);
    return true;
}

static bool read_slot(int file, size_t slot, uint8_t token[XR_TOKEN_BYTES])
{
    char line[LINE_BYTES];
    size_t size = 0;
    const bool ok =
        pread(file, line, LINE_BYTES, (off_t)(slot * LINE_BYTES)) == LINE_BYTES &&
        sodium_hex2bin(token, XR_TOKEN_BYTES, line, LINE_BYTES - 1, NULL, &size, NULL) == 0 &&
        size == XR_TOKEN_BYTES;
    sodium_memzero(line, sizeof(line));
    return ok;
}

bool xr_cli_token_read(const char *path, uint8_t token[XR_TOKEN_BYTES])
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const bool ok = file >= 0 && read_slot(file, 0, token);
    if (file >= 0)
        close(file);
    return ok;
}

/* The lock belongs to the open file and ends with it, even after kill -9. */
static bool lock_slot(int file, size_t slot)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)(slot * LINE_BYTES),
                         .l_len = LINE_BYTES};
    return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

enum xr_status xr_cli_token_take(const char *path, uint8_t token[XR_TOKEN_BYTES], int *slot)
{
    const int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? XR_NONE : XR_IO;
    size_t slots = 0;
    for (; slots < XR_CLI_TOKENS_MAX && read_slot(file, slots, token); slots++) {
        if (!lock_slot(file, slots))
            continue;
        *slot = file;
        return XR_OK;
    }
    close(file);
    return slots > 0 ? XR_BUSY : XR_BAD;
}

/* mkdir -p, the last one for the owner alone. */
static bool make_directories(const char *path)
{
    char part[2048];
    snprintf(part, sizeof(part), "%s", path);
    for (char *at = strchr(part + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return true;
}

bool xr_cli_token_write(const char *path, const uint8_t tokens[][XR_TOKEN_BYTES], size_t count)
{
    char temporary[2200];
    char line[LINE_BYTES + 1];
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    bool ok = make_directories(path);
    const int file = ok ? open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    ok = file >= 0 && fchmod(file, 0600) == 0;
    for (size_t i = 0; i < count && ok; i++) {
        sodium_bin2hex(line, LINE_BYTES, tokens[i], XR_TOKEN_BYTES);
        line[LINE_BYTES - 1] = '\n';
        ok = write(file, line, LINE_BYTES) == LINE_BYTES;
    }
    sodium_memzero(line, sizeof(line));
    ok = ok && fsync(file) == 0 && rename(temporary, path) == 0;
    if (!ok)
        xr_cli_complain("cannot write %s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    return ok;
}
