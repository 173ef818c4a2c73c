/*
 * `xiaoer demo`: a small shop on a running server. Founds its accounts at the first start, then
 * lets buyers in and answers them, until Ctrl-C.
 *
 * 1. Read the shop's texts, and its passwords and tokens, if there are any.
 * 2. The first time: log in as the owner, create groups and accounts. The passwords are on disk
 *    before, so that a start that was cut off goes on where it was.
 * 3. Log in the bridge and the agents, put the agents online.
 * 4. Tell the reader what to try.
 * 5. Talk until stopped. Sessions stay open; the next start takes them up.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo_talk.h"

#define PATH_SIZE 1024
#define REPORT_MS 60000

struct demo {
    struct xr_cli cli;
    const char *texts;
    const char *data;
    const char *owner;
    const char *owner_password_file;
    double speed;
    int64_t buyers;
    int64_t sessions; /* end after so many are closed; 0: never */
    char keys_path[PATH_SIZE];
    struct xr_demo_shop shop;
    struct xr_demo_talks talks;
};

/* ---- the first time ---------------------------------------------------------------------------
 */

/* The first line of a file. */
static int read_password(const char *path, char *out, size_t size)
{
    FILE *file = path ? fopen(path, "re") : NULL;

    if (!file) {
        xr_cli_complain("%s: %s", path ? path : "--owner-password-file",
                        path ? strerror(errno) : "is needed at the first start");
        return XR_EXIT_INPUT;
    }
    const bool ok = fgets(out, (int)size, file) != NULL;
    fclose(file);
    out[ok ? strcspn(out, "\r\n") : 0] = '\0';
    if (out[0] != '\0')
        return XR_EXIT_OK;
    xr_cli_complain("%s: empty", path);
    return XR_EXIT_INPUT;
}

static int found_shop(struct demo *demo)
{
    struct xr_crew_member owner = {.role = XR_role_OWNER};
    int code = read_password(demo->owner_password_file, owner.password, sizeof(owner.password));

    if (code != XR_EXIT_OK)
        return code;
    snprintf(owner.login, sizeof(owner.login), "%s", demo->owner);
    code = xr_demo_shop_save(&demo->shop, demo->keys_path);
    if (code == XR_EXIT_OK)
        code = xr_crew_sign_in(&demo->cli, &owner, 1, "server");
    if (code == XR_EXIT_OK)
        code = xr_demo_shop_found(&demo->cli, &demo->shop, owner.client);
    xr_crew_sign_off(&owner, 1);
    return code;
}

/* ---- every time -------------------------------------------------------------------------------
 */

static int go_online(struct demo *demo)
{
    struct xr_demo_shop *shop = &demo->shop;
    int code = xr_crew_sign_in(&demo->cli, shop->members, shop->connected_count, "log-ins");

    if (code == XR_EXIT_OK)
        code = xr_demo_shop_save(shop, demo->keys_path);
    for (size_t i = 1; i < shop->connected_count && code == XR_EXIT_OK; i++) {
        const struct xr_be be = {.state = XR_presence_ONLINE};
        code = xr_crew_order(&demo->cli, shop->members[i].client, XR_TYPE_be, &be,
                             shop->members[i].login);
    }
    return code;
}

static void tell_json(const struct demo *demo, const struct xr_crew_member *supervisor,
                      const struct xr_crew_member *guest)
{
    (void)xr_cli_json(json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}}", "server",
                                demo->cli.server, "floor", demo->cli.floor, "supervisor", "login",
                                supervisor->login, "password", supervisor->password, "guest",
                                "login", guest->login, "password", guest->password));
    fflush(stdout);
}

/* How the reader can call this program: as it was called itself. */
static const char *own_path(void)
{
    static char path[PATH_SIZE];
    char here[PATH_SIZE];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (size <= 0)
        return "xiaoer";
    path[size] = '\0';
    if (!getcwd(here, sizeof(here)))
        return path;
    const size_t length = strlen(here);
    const bool is_below = strncmp(path, here, length) == 0 && path[length] == '/';
    return is_below ? path + length + 1 : path;
}

/* The name of what follows in its line. */
static void tell_name(const char *name)
{
    printf("  ");
    xr_cli_pad(stdout, xr_str_of(name), 12, false);
    printf("  ");
}

static void tell(const struct demo *demo)
{
    static const char *const texts[][2] = {
        {"Xiaoer is running; Ctrl-C stops it, the next start goes on with what there is.",
         "小二已启动。按 Ctrl-C 停止；下次启动接着现在的数据走。"},
        {"address", "地址"},
        {"supervisor", "主管"},
        {"free agent", "留给你"},
        {"password", "密码"},
        {"Try next, in a second terminal in %s:", "接下来，另开一个终端，在 %s 里试试："},
        {"Watch the whole floor, as its supervisor:", "以主管身份看整个客服台的动态："},
        {"Be an agent: go online, get buyers, answer them:", "自己当客服：上线、接买家、回复："},
        {"Ask why a session went to whom it went:", "问一问某个会话为什么分给了他："},
    };
    struct xr_demo_shop *shop = (struct xr_demo_shop *)&demo->shop;
    const struct xr_crew_member *supervisor = xr_demo_supervisor(shop);
    const struct xr_crew_member *guest = xr_demo_guest(shop);
    const int lang = demo->cli.lang == XR_LANG_ZH;
    const char *xiaoer = own_path();
    char here[PATH_SIZE];
    char with[PATH_SIZE] = "";

    if (demo->cli.json) {
        tell_json(demo, supervisor, guest);
        return;
    }
    if (strcmp(demo->cli.server, "ipc://./var/xiaoer.sock") != 0)
        snprintf(with, sizeof(with), " --server %s", demo->cli.server);
    printf("\n%s\n\n", texts[0][lang]);
    tell_name(texts[1][lang]);
    printf("%s\n", demo->cli.server);
    tell_name(texts[2][lang]);
    printf("%-8s  %s %s\n", supervisor->login, texts[4][lang], supervisor->password);
    tell_name(texts[3][lang]);
    printf("%-8s  %s %s\n", guest->login, texts[4][lang], guest->password);
    putchar('\n');
    printf(texts[5][lang], getcwd(here, sizeof(here)) != NULL ? here : ".");
    fputs("\n\n", stdout);
    printf("  1. %s\n       %s%s login %s\n       %s%s --login %s watch\n", texts[6][lang], xiaoer,
           with, supervisor->login, xiaoer, with, supervisor->login);
    printf("  2. %s\n       %s%s login %s\n       %s%s --login %s attach\n", texts[7][lang], xiaoer,
           with, guest->login, xiaoer, with, guest->login);
    printf("  3. %s\n       %s%s --login %s explain 1\n\n", texts[8][lang], xiaoer, with,
           supervisor->login);
    fflush(stdout);
}

/* ---- talking ----------------------------------------------------------------------------------
 */

static void turn(struct demo *demo)
{
    struct xr_demo_shop *shop = &demo->shop;
    struct pollfd fds[XR_DEMO_MEMBERS_MAX];
    struct xr_client_event event;
    int wait_ms = (int)(100 / demo->speed) + 1;

    for (size_t i = 0; i < shop->connected_count; i++) {
        const int wanted = xr_client_wait_ms(shop->members[i].client);
        wait_ms = wanted < wait_ms ? wanted : wait_ms;
        fds[i] = (struct pollfd){.fd = xr_client_fd(shop->members[i].client), .events = POLLIN};
    }
    (void)poll(fds, (nfds_t)shop->connected_count, wait_ms);
    const int64_t now_ms = xr_cli_mono_ms();
    for (size_t i = 0; i < shop->connected_count; i++) {
        xr_client_turn(shop->members[i].client);
        while (xr_client_next(shop->members[i].client, &event))
            xr_demo_talks_event(&demo->talks, &shop->members[i], &event, now_ms);
    }
    xr_demo_talks_turn(&demo->talks, now_ms);
}

static void report(const struct demo *demo)
{
    const struct xr_demo_talks *talks = &demo->talks;
    char time[24];

    if (demo->cli.json)
        return;
    xr_cli_time(time, xr_cli_wall_ms());
    if (demo->cli.lang == XR_LANG_ZH)
        printf("%s  进线 %llu，已结束 %llu，消息 %llu\n", time, (unsigned long long)talks->opened,
               (unsigned long long)talks->closed, (unsigned long long)talks->messages);
    else
        printf("%s  buyers %llu, closed %llu, messages %llu\n", time,
               (unsigned long long)talks->opened, (unsigned long long)talks->closed,
               (unsigned long long)talks->messages);
    fflush(stdout);
}

static bool is_refused(const struct demo *demo)
{
    for (size_t i = 0; i < demo->shop.connected_count; i++)
        if (xr_client_get_state(demo->shop.members[i].client) == XR_CLIENT_REFUSED) {
            xr_cli_complain("%s: log-in refused", demo->shop.members[i].login);
            return true;
        }
    return false;
}

static int talk(struct demo *demo)
{
    int64_t report_ms = xr_cli_mono_ms() + REPORT_MS;

    while (!xr_cli_stopped()) {
        turn(demo);
        if (is_refused(demo))
            return XR_EXIT_LOGIN;
        if (demo->sessions > 0 && demo->talks.closed >= (uint64_t)demo->sessions)
            return XR_EXIT_OK;
        if (xr_cli_mono_ms() >= report_ms) {
            report(demo);
            report_ms += REPORT_MS;
        }
    }
    return XR_EXIT_OK; /* Ctrl-C is how a demo ends */
}

static void tell_end(const struct demo *demo)
{
    const struct xr_demo_talks *talks = &demo->talks;

    if (demo->cli.json)
        (void)xr_cli_json(json_pack("{s:I, s:I, s:I, s:I}", "opened", (json_int_t)talks->opened,
                                    "closed", (json_int_t)talks->closed, "messages",
                                    (json_int_t)talks->messages, "refused",
                                    (json_int_t)talks->refused));
}

static int run(struct demo *demo)
{
    int code = xr_demo_shop_load(&demo->shop, demo->texts);

    if (code == XR_EXIT_OK && mkdir(demo->data, 0700) != 0 && errno != EEXIST) {
        xr_cli_complain("%s: %s", demo->data, strerror(errno));
        code = XR_EXIT_INPUT;
    }
    if (code == XR_EXIT_OK)
        code = xr_demo_shop_keys(&demo->shop, demo->keys_path);
    if (code == XR_EXIT_OK && !demo->shop.is_founded)
        code = found_shop(demo);
    if (code == XR_EXIT_OK)
        code = go_online(demo);
    if (code == XR_EXIT_OK)
        code = xr_demo_talks_resume(&demo->cli, &demo->talks);
    if (code != XR_EXIT_OK)
        return code;
    tell(demo);
    code = talk(demo);
    tell_end(demo);
    return code;
}

int xr_cli_demo(int argc, char **argv)
{
    struct demo *demo = calloc(1, sizeof(*demo));
    int code = XR_EXIT_OK;

    if (!demo)
        return XR_EXIT_FAILED;
    *demo = (struct demo){
        .texts = "deploy/demo",
        .data = "var/demo",
        .owner = "owner",
        .owner_password_file = NULL,
        .speed = 1,
        .buyers = 12,
    };
    const struct xr_cli_option options[] = {
        {"texts", XR_CLI_TEXT, "DIR", &demo->texts, 0, 0, NULL,
         "floor.json and chats.json (deploy/demo)"},
        {"data", XR_CLI_TEXT, "DIR", &demo->data, 0, 0, NULL,
         "where passwords and tokens are kept (var/demo)"},
        {"owner", XR_CLI_TEXT, "LOGIN", &demo->owner, 0, 0, NULL,
         "of the floor, for the first start (owner)"},
        {"owner-password-file", XR_CLI_TEXT, "FILE", &demo->owner_password_file, 0, 0, NULL,
         "its first line is the owner's password"},
        {"speed", XR_CLI_REAL, "N", &demo->speed, 1, 1000, NULL, "times as fast as people (1)"},
        {"buyers", XR_CLI_NUMBER, "N", &demo->buyers, 1, XR_DEMO_TALKS_MAX, NULL,
         "at the same time (12)"},
        {"sessions", XR_CLI_NUMBER, "N", &demo->sessions, 0, 1000000000, NULL,
         "end after so many; 0: go on (0)"},
    };
    const struct xr_cli_usage usage = {
        "demo",
        "",
        "A small shop on a running server: buyers come in and are answered, until Ctrl-C.",
        options,
        sizeof(options) / sizeof(options[0]),
        0,
        0,
        &demo->cli,
    };
    if (!xr_cli_parse(&usage, &argc, argv, &code)) {
        free(demo);
        return code;
    }
    snprintf(demo->keys_path, sizeof(demo->keys_path), "%s/accounts.json", demo->data);
    demo->talks.shop = &demo->shop;
    demo->talks.speed = demo->speed;
    demo->talks.wanted = (size_t)demo->buyers;
    xr_cli_catch_signals();
    code = run(demo);
    xr_crew_sign_off(demo->shop.members, demo->shop.connected_count);
    xr_demo_shop_free(&demo->shop);
    free(demo);
    return code;
}
