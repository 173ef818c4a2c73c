/* The demo's files: who there is, what they say, their passwords. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo_shop.h"

#define PATH_SIZE 1024

/* ---- reading ----------------------------------------------------------------------------------
 */

static json_t *read_json(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    json_error_t error;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root && error.line < 0)
        xr_cli_complain("%s", error.text);
    else if (!root)
        xr_cli_complain("%s:%d:%d: %s", path, error.line, error.column, error.text);
    return root;
}

static const char *member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static enum xr_queue_class read_class(const json_t *chat)
{
    const char *name = member_text(chat, "class");

    if (name && strcmp(name, "complaint") == 0)
        return XR_queue_class_COMPLAINT;
    if (name && strcmp(name, "vip") == 0)
        return XR_queue_class_VIP;
    return XR_queue_class_NORMAL;
}

static bool read_chat(struct xr_demo_chat *chat, const json_t *json)
{
    const json_t *lines = json_object_get(json, "lines");

    *chat = (struct xr_demo_chat){
        .group = member_text(json, "group"),
        .buyer = member_text(json, "buyer"),
        .tag = member_text(json, "tag"),
        .note = member_text(json, "note"),
        .klass = read_class(json),
        .count = json_array_size(lines),
    };
    if (!chat->group || chat->count == 0)
        return false;
    chat->lines = calloc(chat->count, sizeof(chat->lines[0]));
    for (size_t i = 0; chat->lines && i < chat->count; i++) {
        const json_t *line = json_array_get(lines, i);
        const char *who = json_string_value(json_array_get(line, 0));
        chat->lines[i].text = json_string_value(json_array_get(line, 1));
        chat->lines[i].is_buyer = who && strcmp(who, "buyer") == 0;
        if (!who || !chat->lines[i].text)
            return false;
    }
    return chat->lines && chat->lines[0].is_buyer;
}

static int load_chats(struct xr_demo_shop *shop)
{
    const size_t count = json_array_size(shop->texts);

    for (size_t i = 0; i < count && i < XR_DEMO_CHATS_MAX; i++) {
        shop->chat_count = i + 1;
        if (!read_chat(&shop->chats[i], json_array_get(shop->texts, i))) {
            xr_cli_complain("chats.json: chat %zu wants group and lines, "
                            "the first by the buyer",
                            i + 1);
            return XR_EXIT_INPUT;
        }
    }
    if (shop->chat_count > 0)
        return XR_EXIT_OK;
    xr_cli_complain("chats.json: no chats");
    return XR_EXIT_INPUT;
}

static bool add_member(struct xr_demo_shop *shop, const json_t *json, enum xr_role role)
{
    const char *login = member_text(json, "login");
    const char *name = member_text(json, "name");

    if (!login || !name || shop->member_count == XR_DEMO_MEMBERS_MAX)
        return false;
    struct xr_crew_member *member = &shop->members[shop->member_count++];
    member->role = role;
    member->feed = true;
    snprintf(member->login, sizeof(member->login), "%s", login);
    snprintf(member->name, sizeof(member->name), "%s", name);
    return true;
}

static int load_floor(struct xr_demo_shop *shop)
{
    const json_t *agents = json_object_get(shop->floor, "agents");
    const json_t *buyers = json_object_get(shop->floor, "buyers");
    bool ok = add_member(shop, json_object_get(shop->floor, "bridge"), XR_role_BRIDGE);

    for (size_t i = 0; i < json_array_size(agents); i++)
        ok = ok && add_member(shop, json_array_get(agents, i), XR_role_AGENT);
    shop->connected_count = shop->member_count;
    ok = ok && add_member(shop, json_object_get(shop->floor, "supervisor"), XR_role_SUPERVISOR);
    ok = ok && add_member(shop, json_object_get(shop->floor, "guest"), XR_role_AGENT);
    for (size_t i = 0; i < json_array_size(buyers) && i < XR_DEMO_BUYERS_MAX; i++) {
        shop->buyers[i] = json_string_value(json_array_get(buyers, i));
        ok = ok && shop->buyers[i];
        shop->buyer_count = i + 1;
    }
    if (ok && shop->buyer_count > 0)
        return XR_EXIT_OK;
    xr_cli_complain("floor.json: wants bridge, supervisor, guest and agents with login and name, "
                    "and buyers");
    return XR_EXIT_INPUT;
}

int xr_demo_shop_load(struct xr_demo_shop *shop, const char *texts)
{
    shop->floor = read_json(texts, "floor.json");
    shop->texts = shop->floor ? read_json(texts, "chats.json") : NULL;
    if (!shop->texts)
        return XR_EXIT_INPUT;
    const int code = load_floor(shop);
    return code == XR_EXIT_OK ? load_chats(shop) : code;
}

void xr_demo_shop_free(struct xr_demo_shop *shop)
{
    for (size_t i = 0; i < shop->chat_count; i++)
        free(shop->chats[i].lines);
    sodium_memzero(shop->members, sizeof(shop->members));
    json_decref(shop->floor);
    json_decref(shop->texts);
    *shop = (struct xr_demo_shop){0};
}

struct xr_crew_member *xr_demo_bridge(struct xr_demo_shop *shop)
{
    return &shop->members[0];
}

struct xr_crew_member *xr_demo_supervisor(struct xr_demo_shop *shop)
{
    return &shop->members[shop->connected_count];
}

struct xr_crew_member *xr_demo_guest(struct xr_demo_shop *shop)
{
    return &shop->members[shop->connected_count + 1];
}

/* ---- passwords and tokens ---------------------------------------------------------------------
 */

static void read_key(struct xr_crew_member *member, const json_t *key)
{
    const char *password = member_text(key, "password");
    const char *token = member_text(key, "token");
    size_t size = 0;

    if (password)
        snprintf(member->password, sizeof(member->password), "%s", password);
    if (token && sodium_hex2bin(member->token, sizeof(member->token), token, strlen(token), NULL,
                                &size, NULL) == 0)
        member->has_token = size == XR_TOKEN_BYTES;
}

int xr_demo_shop_keys(struct xr_demo_shop *shop, const char *path)
{
    json_error_t error;
    json_t *keys = NULL;

    if (access(path, F_OK) == 0) {
        keys = json_load_file(path, 0, &error);
        if (!keys) {
            xr_cli_complain("%s:%d: %s", path, error.line, error.text);
            return XR_EXIT_INPUT;
        }
    }
    shop->is_founded = json_is_true(json_object_get(keys, "founded"));
    for (size_t i = 0; i < shop->member_count; i++) {
        struct xr_crew_member *member = &shop->members[i];
        read_key(member, json_object_get(json_object_get(keys, "accounts"), member->login));
        if (member->password[0] == '\0') {
            xr_crew_password(member->password);
            shop->is_founded = false;
        }
    }
    json_decref(keys);
    return XR_EXIT_OK;
}

static json_t *write_keys(const struct xr_demo_shop *shop)
{
    json_t *accounts = json_object();

    for (size_t i = 0; i < shop->member_count; i++) {
        const struct xr_crew_member *member = &shop->members[i];
        char token[XR_TOKEN_BYTES * 2 + 1] = "";
        if (member->has_token)
            sodium_bin2hex(token, sizeof(token), member->token, sizeof(member->token));
        json_object_set_new(accounts, member->login,
                            json_pack("{s:s, s:s}", "password", member->password, "token", token));
    }
    return json_pack("{s:b, s:o}", "founded", shop->is_founded ? 1 : 0, "accounts", accounts);
}

int xr_demo_shop_save(const struct xr_demo_shop *shop, const char *path)
{
    char fresh[PATH_SIZE];
    int code = XR_EXIT_OK;

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    json_t *keys = write_keys(shop);
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (!keys || fd < 0 || json_dumpfd(keys, fd, JSON_INDENT(2)) != 0 || fsync(fd) != 0 ||
        rename(fresh, path) != 0) {
        xr_cli_complain("%s: %s", path, strerror(errno));
        code = XR_EXIT_INPUT;
    }
    if (fd >= 0)
        close(fd);
    json_decref(keys);
    return code;
}

/* ---- founding ---------------------------------------------------------------------------------
 */

/* The groups of an account, by name in the file, by number in the member. */
static int find_groups(const struct xr_cli *cli, struct xr_client *owner,
                       struct xr_crew_member *member, const json_t *names)
{
    member->group_count = 0;
    for (size_t i = 0; i < json_array_size(names) && i < XR_GROUPS_PER_AGENT; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const int code =
            xr_crew_group(cli, owner, name ? name : "", "", &member->groups[member->group_count++]);
        if (code != XR_EXIT_OK)
            return code;
    }
    return XR_EXIT_OK;
}

static int found_groups(const struct xr_cli *cli, const json_t *groups, struct xr_client *owner)
{
    int code = XR_EXIT_OK;

    for (size_t i = 0; i < json_array_size(groups) && code == XR_EXIT_OK; i++) {
        const json_t *group = json_array_get(groups, i);
        uint32_t id = 0;
        code =
            xr_crew_group(cli, owner, member_text(group, "name"), member_text(group, "title"), &id);
    }
    return code;
}

int xr_demo_shop_found(const struct xr_cli *cli, struct xr_demo_shop *shop, struct xr_client *owner)
{
    const json_t *agents = json_object_get(shop->floor, "agents");
    const json_t *guest = json_object_get(shop->floor, "guest");
    int code = found_groups(cli, json_object_get(shop->floor, "groups"), owner);

    for (size_t i = 0; i < json_array_size(agents) && code == XR_EXIT_OK; i++)
        code = find_groups(cli, owner, &shop->members[1 + i],
                           json_object_get(json_array_get(agents, i), "groups"));
    if (code == XR_EXIT_OK)
        code = find_groups(cli, owner, xr_demo_guest(shop), json_object_get(guest, "groups"));
    if (code == XR_EXIT_OK)
        code = xr_crew_found(cli, owner, shop->members, shop->member_count);
    if (code == XR_EXIT_OK)
        shop->is_founded = true;
    return code;
}
