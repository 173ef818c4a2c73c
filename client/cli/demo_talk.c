/* The demo's conversations, line by line. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "demo_talk.h"

/* How long people take, in ms at speed 1. */
#define ARRIVAL_MS  2500
#define TYPING_MS   2500
#define PATIENCE_MS 60000  /* then a buyer asks whether anybody is there */
#define GIVE_UP_MS  300000 /* then the buyer leaves */
#define NEVER_MS    INT64_MAX

static const char still_there[] = "在吗？";
/* A buyer always comes the same way: that is how a customer is known again. */
static const char *const channels[] = {"taobao", "jd", "web"};

/* A span around `ms`, half as long to half as long again. */
static int64_t span_ms(const struct xr_demo_talks *talks, int64_t ms)
{
    const int64_t drawn = ms / 2 + (int64_t)randombytes_uniform((uint32_t)ms);

    return (int64_t)((double)drawn / talks->speed);
}

static int64_t patience_ms(const struct xr_demo_talks *talks, int64_t ms)
{
    return (int64_t)((double)ms / talks->speed);
}

static struct xr_demo_talk *find_session(struct xr_demo_talks *talks, uint64_t session)
{
    for (size_t i = 0; i < XR_DEMO_TALKS_MAX; i++)
        if (talks->at[i].is_used && talks->at[i].session == session)
            return &talks->at[i];
    return NULL;
}

static struct xr_demo_talk *find_buyer(struct xr_demo_talks *talks, size_t buyer)
{
    for (size_t i = 0; i < XR_DEMO_TALKS_MAX; i++)
        if (talks->at[i].is_used && talks->at[i].buyer == buyer)
            return &talks->at[i];
    return NULL;
}

static struct xr_demo_talk *take_free(struct xr_demo_talks *talks)
{
    for (size_t i = 0; i < XR_DEMO_TALKS_MAX; i++)
        if (!talks->at[i].is_used) {
            talks->at[i] = (struct xr_demo_talk){.is_used = true, .due_ms = NEVER_MS};
            return &talks->at[i];
        }
    return NULL;
}

static size_t count_talks(const struct xr_demo_talks *talks)
{
    size_t count = 0;

    for (size_t i = 0; i < XR_DEMO_TALKS_MAX; i++)
        count += talks->at[i].is_used;
    return count;
}

/* The agent of ours with that account; NULL: a person's, or nobody's. */
static struct xr_crew_member *find_agent(struct xr_demo_talks *talks, uint32_t agent)
{
    for (size_t i = 1; i < talks->shop->connected_count; i++)
        if (talks->shop->members[i].id.n == agent && agent != 0)
            return &talks->shop->members[i];
    return NULL;
}

static void send_command(struct xr_demo_talks *talks, const struct xr_crew_member *member,
                         enum xr_type type, const void *message, uint64_t *ref)
{
    if (xr_client_send(member->client, type, message, ref) != XR_OK)
        talks->refused++;
}

/* ---- buyers come in ---------------------------------------------------------------------------
 */

/* "b7": the buyer's id in its channel carries the index. */
static bool read_buyer(const struct xr_demo_talks *talks, struct xr_str id, size_t *buyer)
{
    size_t n = 0;

    if (id.size < 2 || id.size > 5 || id.at[0] != 'b')
        return false;
    for (uint32_t i = 1; i < id.size; i++) {
        if (id.at[i] < '0' || id.at[i] > '9')
            return false;
        n = n * 10 + (size_t)(id.at[i] - '0');
    }
    *buyer = n;
    return n < talks->shop->buyer_count;
}

/* A chat that this buyer may have: its own one more often than another. */
static const struct xr_demo_chat *draw_chat(const struct xr_demo_talks *talks, const char *nick)
{
    const struct xr_demo_shop *shop = talks->shop;

    if (randombytes_uniform(3) != 0)
        for (size_t i = 0; i < shop->chat_count; i++)
            if (shop->chats[i].buyer && strcmp(shop->chats[i].buyer, nick) == 0)
                return &shop->chats[i];
    for (size_t tries = 0; tries < 50; tries++) {
        const struct xr_demo_chat *chat =
            &shop->chats[randombytes_uniform((uint32_t)shop->chat_count)];
        if (!chat->buyer)
            return chat;
    }
    return &shop->chats[0];
}

static void let_buyer_in(struct xr_demo_talks *talks, int64_t now_ms)
{
    const size_t buyer = randombytes_uniform((uint32_t)talks->shop->buyer_count);
    const char *nick = talks->shop->buyers[buyer];
    char id[8];

    if (find_buyer(talks, buyer))
        return;
    struct xr_demo_talk *talk = take_free(talks);
    if (!talk)
        return;
    talk->buyer = buyer;
    talk->chat = draw_chat(talks, nick);
    talk->line = 1; /* the first one comes with the open */
    talk->last_ms = now_ms;
    snprintf(id, sizeof(id), "b%u", (unsigned)(buyer % XR_DEMO_BUYERS_MAX));
    const struct xr_open open = {
        .channel = xr_str_of(channels[buyer % 3]),
        .buyer = xr_str_of(id),
        .nick = xr_str_of(nick),
        .group = xr_str_of(talk->chat->group),
        .klass = talk->chat->klass,
        .text = xr_str_of(talk->chat->lines[0].text),
    };
    send_command(talks, xr_demo_bridge(talks->shop), XR_TYPE_open, &open, &talk->open_ref);
}

/* ---- what comes -------------------------------------------------------------------------------
 */

static void plan_next(struct xr_demo_talks *talks, struct xr_demo_talk *talk, int64_t now_ms)
{
    talk->due_ms = now_ms + span_ms(talks, TYPING_MS);
}

static void take_change(struct xr_demo_talks *talks, const struct xr_session_changed *changed,
                        int64_t now_ms)
{
    const struct xr_session_view *view = &changed->session;
    struct xr_demo_talk *talk = find_session(talks, view->session.n);
    size_t buyer = 0;

    if (!talk && read_buyer(talks, view->buyer, &buyer))
        talk = find_buyer(talks, buyer);
    if (!talk || (talk->session != 0 && talk->session != view->session.n))
        return;
    talk->session = view->session.n;
    talk->customer = view->customer.n;
    talk->owner = view->agent.n;
    if (view->state == XR_session_state_CLOSED) {
        talks->closed++;
        *talk = (struct xr_demo_talk){0};
        return;
    }
    if (changed->card.customer.n != 0)
        talk->notes = changed->card.notes;
    plan_next(talks, talk, now_ms);
}

/* An agent's message, of ours or of a person. A person may say anything: it stands for the agent's
 * lines up to the buyer's next one. What a bridge writes is not told to it. */
static void take_message(struct xr_demo_talks *talks, const struct xr_message_added *added,
                         int64_t now_ms)
{
    const struct xr_message *message = &added->message;
    struct xr_demo_talk *talk = find_session(talks, message->session.n);

    talks->messages++;
    if (!talk || message->sender != XR_sender_AGENT || message->kind == XR_message_kind_WHISPER)
        return;
    const struct xr_demo_chat *chat = talk->chat;
    if (talk->line < chat->count &&
        xr_str_equal(message->text, xr_str_of(chat->lines[talk->line].text)))
        talk->line++;
    else
        while (talk->line < chat->count && !chat->lines[talk->line].is_buyer)
            talk->line++;
    talk->last_ms = now_ms;
    talk->has_asked = false;
    plan_next(talks, talk, now_ms);
}

static void take_open(struct xr_demo_talks *talks, struct xr_demo_talk *talk,
                      const struct xr_done *done, int64_t now_ms)
{
    talk->open_ref = 0;
    talk->session = done->session.n;
    talks->opened++;
    talks->messages++;
    if (talk->due_ms == NEVER_MS)
        plan_next(talks, talk, now_ms);
}

/* The buyer's line is written. */
static void take_said(struct xr_demo_talks *talks, struct xr_demo_talk *talk, int64_t now_ms)
{
    talk->say_ref = 0;
    talk->last_ms = now_ms;
    talks->messages++;
    if (talk->line < talk->chat->count && talk->chat->lines[talk->line].is_buyer &&
        !talk->has_asked)
        talk->line++;
    plan_next(talks, talk, now_ms);
}

static struct xr_demo_talk *find_ref(struct xr_demo_talks *talks, uint64_t ref)
{
    for (size_t i = 0; i < XR_DEMO_TALKS_MAX; i++)
        if (talks->at[i].is_used && (talks->at[i].open_ref == ref || talks->at[i].say_ref == ref))
            return &talks->at[i];
    return NULL;
}

/* An answer to the bridge. */
static void take_answer(struct xr_demo_talks *talks, const struct xr_client_event *event,
                        int64_t now_ms)
{
    struct xr_demo_talk *talk = find_ref(talks, event->ref);
    const bool is_done = event->type == XR_TYPE_done;

    talks->refused += !is_done;
    if (!talk)
        return;
    const bool is_open = talk->open_ref == event->ref;
    if (is_done && is_open)
        take_open(talks, talk, event->message, now_ms);
    else if (is_done)
        take_said(talks, talk, now_ms);
    else if (is_open)
        *talk = (struct xr_demo_talk){0};
    else
        talk->say_ref = 0;
}

void xr_demo_talks_event(struct xr_demo_talks *talks, const struct xr_crew_member *member,
                         const struct xr_client_event *event, int64_t now_ms)
{
    const bool is_bridge = member == xr_demo_bridge(talks->shop);

    if (event->kind == XR_CLIENT_ANSWER && is_bridge)
        take_answer(talks, event, now_ms);
    else if (event->kind == XR_CLIENT_ANSWER && event->type == XR_TYPE_error)
        talks->refused++;
    else if (event->kind == XR_CLIENT_UPDATE && event->type == XR_TYPE_session_changed)
        take_change(talks, event->message, now_ms);
    else if (event->kind == XR_CLIENT_UPDATE && event->type == XR_TYPE_message_added && is_bridge)
        take_message(talks, event->message, now_ms);
}

/* ---- what is due ------------------------------------------------------------------------------
 */

static void say(struct xr_demo_talks *talks, const struct xr_crew_member *member,
                const struct xr_demo_talk *talk, const char *text, uint64_t *ref)
{
    const struct xr_say say = {
        .session = {talk->session},
        .text = xr_str_of(text),
    };
    send_command(talks, member, XR_TYPE_say, &say, ref);
}

static void leave(struct xr_demo_talks *talks, const struct xr_demo_talk *talk)
{
    const struct xr_leave leave = {.session = {talk->session}};

    send_command(talks, xr_demo_bridge(talks->shop), XR_TYPE_leave, &leave, NULL);
}

/* The agent writes down what the next one should know, and closes. */
static void close_talk(struct xr_demo_talks *talks, const struct xr_crew_member *agent,
                       const struct xr_demo_talk *talk)
{
    const struct xr_demo_chat *chat = talk->chat;

    if (chat->note && talk->notes == 0) {
        const struct xr_note_add add = {
            .customer = {talk->customer},
            .text = xr_str_of(chat->note),
        };
        send_command(talks, agent, XR_TYPE_note_add, &add, NULL);
    }
    if (chat->tag) {
        const struct xr_tag tag = {.name = xr_str_of(chat->tag), .colour = 0x2f7d6b};
        const struct xr_customer_set set = {
            .customer = {talk->customer},
            .tags_add = {&tag, 1},
        };
        send_command(talks, agent, XR_TYPE_customer_set, &set, NULL);
    }
    const struct xr_close close = {
        .session = {talk->session},
        .reason = XR_close_reason_RESOLVED,
    };
    send_command(talks, agent, XR_TYPE_close, &close, NULL);
}

/* Nobody of ours can go on: the buyer waits, asks once, and leaves in the end. */
static void wait_as_buyer(struct xr_demo_talks *talks, struct xr_demo_talk *talk, int64_t now_ms)
{
    const int64_t silent_ms = now_ms - talk->last_ms;

    talk->due_ms = now_ms + span_ms(talks, TYPING_MS);
    if (silent_ms > patience_ms(talks, GIVE_UP_MS)) {
        leave(talks, talk);
        talk->due_ms = now_ms + patience_ms(talks, PATIENCE_MS);
    } else if (silent_ms > patience_ms(talks, PATIENCE_MS) && talk->owner != 0 &&
               !talk->has_asked && talk->line < talk->chat->count) {
        talk->has_asked = true;
        say(talks, xr_demo_bridge(talks->shop), talk, still_there, &talk->say_ref);
    }
}

static void act(struct xr_demo_talks *talks, struct xr_demo_talk *talk, int64_t now_ms)
{
    const struct xr_crew_member *agent = find_agent(talks, talk->owner);
    const bool is_over = talk->line >= talk->chat->count;

    /* Where an answer is lost to a refusal, the same line is tried again. */
    talk->due_ms = now_ms + patience_ms(talks, PATIENCE_MS) / 4;
    if (talk->session == 0 || talk->say_ref != 0)
        return;
    if (!is_over && talk->owner != 0 && talk->chat->lines[talk->line].is_buyer)
        say(talks, xr_demo_bridge(talks->shop), talk, talk->chat->lines[talk->line].text,
            &talk->say_ref);
    else if (!is_over && agent)
        say(talks, agent, talk, talk->chat->lines[talk->line].text, NULL);
    else if (is_over && agent)
        close_talk(talks, agent, talk);
    else
        wait_as_buyer(talks, talk, now_ms);
}

void xr_demo_talks_turn(struct xr_demo_talks *talks, int64_t now_ms)
{
    for (size_t i = 0; i < XR_DEMO_TALKS_MAX; i++) {
        struct xr_demo_talk *talk = &talks->at[i];
        if (talk->is_used && talk->due_ms <= now_ms)
            act(talks, talk, now_ms);
    }
    if (now_ms >= talks->next_ms && count_talks(talks) < talks->wanted) {
        let_buyer_in(talks, now_ms);
        talks->next_ms = now_ms + span_ms(talks, ARRIVAL_MS);
    }
}

/* ---- a second start ---------------------------------------------------------------------------
 */

static const struct xr_demo_chat *find_chat(const struct xr_demo_shop *shop, struct xr_str first)
{
    for (size_t i = 0; i < shop->chat_count; i++)
        if (xr_str_equal(first, xr_str_of(shop->chats[i].lines[0].text)))
            return &shop->chats[i];
    return NULL;
}

/* Find out from its messages which chat it is and how far it has come. */
static int resume_talk(const struct xr_cli *cli, struct xr_demo_talks *talks,
                       struct xr_demo_talk *talk)
{
    const struct xr_get_history ask = {.session = {talk->session}, .from = 1};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    const int code = xr_crew_ask(cli, xr_demo_bridge(talks->shop)->client, XR_TYPE_get_history,
                                 &ask, &type, &answer);

    if (code != XR_EXIT_OK)
        return code;
    const struct xr_history *history = type == XR_TYPE_history ? answer : NULL;
    for (uint32_t i = 0; history && i < history->messages.count; i++) {
        const struct xr_str text = history->messages.at[i].text;
        const struct xr_demo_chat *begun = find_chat(talks->shop, text);
        if (begun) {
            talk->chat = begun;
            talk->line = 1;
        } else if (talk->chat && talk->line < talk->chat->count &&
                   xr_str_equal(text, xr_str_of(talk->chat->lines[talk->line].text))) {
            talk->line++;
        }
    }
    if (!talk->chat) {
        leave(talks, talk);
        *talk = (struct xr_demo_talk){0};
    }
    return XR_EXIT_OK;
}

static void adopt(struct xr_demo_talks *talks, const struct xr_session_view *view)
{
    const int64_t now_ms = xr_cli_mono_ms();
    size_t buyer = 0;

    if (!read_buyer(talks, view->buyer, &buyer) || find_buyer(talks, buyer))
        return;
    struct xr_demo_talk *talk = take_free(talks);
    if (!talk)
        return;
    talk->buyer = buyer;
    talk->session = view->session.n;
    talk->customer = view->customer.n;
    talk->owner = view->agent.n;
    talk->last_ms = now_ms;
    plan_next(talks, talk, now_ms);
}

int xr_demo_talks_resume(const struct xr_cli *cli, struct xr_demo_talks *talks)
{
    const struct xr_get_sessions all = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    int code = xr_crew_ask(cli, xr_demo_bridge(talks->shop)->client, XR_TYPE_get_sessions, &all,
                           &type, &answer);

    if (code != XR_EXIT_OK || type != XR_TYPE_session_page)
        return code;
    const struct xr_session_page *page = answer;
    for (uint32_t i = 0; i < page->sessions.count; i++)
        adopt(talks, &page->sessions.at[i]);
    for (size_t i = 0; i < XR_DEMO_TALKS_MAX && code == XR_EXIT_OK; i++)
        if (talks->at[i].is_used)
            code = resume_talk(cli, talks, &talks->at[i]);
    return code;
}
