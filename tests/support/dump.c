#include "support/dump.h"

#include "proto/mem.h"

#include <lmdb.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TREES_MAX 64
#define LINE_ROOM (1 << 20)

static MDB_env *open_env(const char *directory, unsigned flags)
{
    MDB_env *env;
    XR_ASSERT(mdb_env_create(&env) == 0);
    XR_ASSERT(mdb_env_set_maxdbs(env, TREES_MAX) == 0);
    XR_ASSERT(mdb_env_set_mapsize(env, (size_t)1 << 30) == 0);
    XR_ASSERT(mdb_env_open(env, directory, flags | MDB_NOLOCK, 0600) == 0);
    return env;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_hex(FILE *out, MDB_val bytes)
{
    const uint8_t *at = bytes.mv_data;
    fputc(' ', out);
    for (size_t i = 0; i < bytes.mv_size; i++)
        fprintf(out, "%02x", at[i]);
    fputc('\n', out);
}

static void write_tree(MDB_txn *txn, const char *name, FILE *out)
{
    MDB_dbi tree;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    XR_ASSERT(mdb_dbi_open(txn, name, 0, &tree) == 0);
    XR_ASSERT(mdb_cursor_open(txn, tree, &cursor) == 0);
    fprintf(out, "VERSION=3\nformat=bytevalue\ndatabase=%s\ntype=btree\nHEADER=END\n", name);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        write_hex(out, key);
        write_hex(out, value);
    }
    fputs("DATA=END\n", out);
    mdb_cursor_close(cursor);
}

void dump_write(const char *directory, const char *file)
{
    MDB_txn *txn;
    MDB_dbi names;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_env *env = open_env(directory, MDB_RDONLY);
    FILE *out = fopen(file, "w");
    XR_ASSERT(out != NULL);
    XR_ASSERT(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
    XR_ASSERT(mdb_dbi_open(txn, NULL, 0, &names) == 0);
    XR_ASSERT(mdb_cursor_open(txn, names, &cursor) == 0);
    while (mdb_cursor_get(cursor, &key, NULL, MDB_NEXT) == 0) {
        char name[64] = {0};
        XR_ASSERT(key.mv_size < sizeof name);
        memcpy(name, key.mv_data, key.mv_size);
        write_tree(txn, name, out);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    XR_ASSERT(fclose(out) == 0);
    mdb_env_close(env);
}

/* ---- loading -------------------------------------------------------------------------------- */

/* A line of a blank and hex. */
static MDB_val read_hex(const char *line, uint8_t *room)
{
    size_t size = 0;
    const char *end = NULL;
    XR_ASSERT(line[0] == ' ');
    XR_ASSERT(sodium_hex2bin(room, LINE_ROOM, line + 1, strlen(line + 1), NULL, &size, &end) == 0);
    XR_ASSERT(*end == '\n');
    return (MDB_val){size, room};
}

struct loading {
    FILE *in;
    MDB_txn *txn;
    char line[2 * LINE_ROOM + 3];
    uint8_t key[LINE_ROOM];
    uint8_t value[LINE_ROOM];
};

static void load_rows(struct loading *loading, MDB_dbi tree)
{
    while (fgets(loading->line, sizeof loading->line, loading->in) != NULL &&
           strcmp(loading->line, "DATA=END\n") != 0) {
        MDB_val key = read_hex(loading->line, loading->key);
        XR_ASSERT(fgets(loading->line, sizeof loading->line, loading->in) != NULL);
        MDB_val value = read_hex(loading->line, loading->value);
        XR_ASSERT(mdb_put(loading->txn, tree, &key, &value, MDB_NOOVERWRITE) == 0);
    }
    XR_ASSERT(strcmp(loading->line, "DATA=END\n") == 0);
}

static void load_trees(struct loading *loading)
{
    char name[64] = {0};
    MDB_dbi tree;
    while (fgets(loading->line, sizeof loading->line, loading->in) != NULL) {
        (void)sscanf(loading->line, "database=%63[^\n]", name);
        if (strcmp(loading->line, "HEADER=END\n") != 0)
            continue;
        XR_ASSERT(name[0] != 0);
        XR_ASSERT(mdb_dbi_open(loading->txn, name, MDB_CREATE, &tree) == 0);
        load_rows(loading, tree);
        name[0] = 0;
    }
}

void dump_load(const char *file, const char *directory)
{
    MDB_env *env = open_env(directory, 0);
    struct loading *loading = xr_mem_zero(1, sizeof *loading);
    XR_ASSERT(loading != NULL);
    loading->in = fopen(file, "r");
    XR_ASSERT(loading->in != NULL);
    XR_ASSERT(mdb_txn_begin(env, NULL, 0, &loading->txn) == 0);
    load_trees(loading);
    XR_ASSERT(mdb_txn_commit(loading->txn) == 0);
    (void)fclose(loading->in);
    xr_mem_free(loading);
    mdb_env_close(env);
}
