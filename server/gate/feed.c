/*
 * The way of an update: PUSH → the hall's tail → every live feed in its audience → in its
 * connection's buffer, encoded once, with a head of its own.
 *
 * A feed that is behind knows only its position. It is served
 *     from the tail, on the loop, a bounded number of rows in a turn;
 *     else by a scan on a reader thread, bounded in rows, bytes and time, whose rows come back and
 *     are sent on the loop;
 * until position = hall->live. A scan may see rows that have not been handed on yet (the commit
 * comes before the effects): then position is ahead of hall->live, and the feed, live, skips them
 * when they come. So there is no gap and no double, whoever is first.
 */
#include "gate/feed.h"

#include <string.h>

#include "base/clock.h"
#include "store/store.h"

#define XR_FEED_TURN_ROWS  4096         /* of the tail, one feed, one turn */
#define XR_FEED_SCAN_ROWS  20000        /* looked at by one scan */
#define XR_FEED_SCAN_BYTES (256 * 1024) /* found by one scan */
#define XR_FEED_SCAN_NS    UINT64_C(50000000)
#define XR_FEED_SENT_FIRST 16

/* ---- halls ----------------------------------------------------------------------------------- */

struct xr_hall *xr_feed_hall(struct xr_gate *gate, uint32_t floor)
{
    struct xr_hall *hall = xr_map_get(&gate->halls, floor);
    if (hall)
        return hall;
    hall = xr_mem_zero(1, sizeof(*hall));
    if (!hall)
        return NULL;
    hall->floor = floor;
    for (int role = 0; role < XR_ROLES; role++)
        TAILQ_INIT(&hall->by_role[role]);
    if (xr_tail_init(&hall->tail, gate->options.tail_bytes) ||
        xr_map_put(&gate->halls, floor, hall)) {
        xr_tail_fini(&hall->tail);
        xr_mem_free(hall);
        return NULL;
    }
    hall->next = gate->hall_list;
    gate->hall_list = hall;
    return hall;
}

void xr_feed_free_halls(struct xr_gate *gate)
{
    while (gate->hall_list) {
        struct xr_hall *hall = gate->hall_list;
        gate->hall_list = hall->next;
        xr_tail_fini(&hall->tail);
        xr_mem_free(hall);
    }
    xr_map_fini(&gate->halls);
}

static struct xr_hall *hall_of(const struct xr_peer *peer)
{
    struct xr_hall *hall = xr_map_get(&peer->gate->halls, peer->floor);
    XR_ASSERT(hall != NULL); /* made when it was attached */
    return hall;
}

/* ---- who is where ---------------------------------------------------------------------------- */

static uint64_t account_key(uint32_t floor, uint32_t agent)
{
    return (uint64_t)floor << 32 | agent;
}

static void join_account(struct xr_peer *peer)
{
    const uint64_t key = account_key(peer->floor, peer->agent.n);
    struct xr_peer *first = xr_map_get(&peer->gate->by_account, key);
    peer->account_prev = NULL;
    peer->account_next = first;
    if (first)
        first->account_prev = peer;
    const enum xr_status status = xr_map_put(&peer->gate->by_account, key, peer);
    XR_ASSERT(status == XR_OK);
}

static void leave_account(struct xr_peer *peer)
{
    const uint64_t key = account_key(peer->floor, peer->agent.n);
    if (peer->account_next)
        peer->account_next->account_prev = peer->account_prev;
    if (peer->account_prev) {
        peer->account_prev->account_next = peer->account_next;
    } else if (peer->account_next) {
        const enum xr_status status = xr_map_put(&peer->gate->by_account, key, peer->account_next);
        XR_ASSERT(status == XR_OK); /* the key is there */
    } else {
        xr_map_remove(&peer->gate->by_account, key);
    }
}

/* Serve it when the loop next carries something out; the caller sees to it that it does. */
static void make_due(struct xr_peer *peer)
{
    if (peer->feed.is_due)
        return;
    peer->feed.is_due = true;
    TAILQ_INSERT_TAIL(&peer->gate->due, peer, due);
}

static void drop_due(struct xr_peer *peer)
{
    if (!peer->feed.is_due)
        return;
    peer->feed.is_due = false;
    TAILQ_REMOVE(&peer->gate->due, peer, due);
}

static void set_live(struct xr_peer *peer, bool is_live)
{
    if (peer->feed.is_live == is_live)
        return;
    peer->feed.is_live = is_live;
    if (is_live)
        peer->gate->metrics.catching_up--;
    else
        peer->gate->metrics.catching_up++;
}

/* ---- the window ------------------------------------------------------------------------------ */

static bool has_room(struct xr_peer *peer, size_t size)
{
    struct xr_feed *feed = &peer->feed;
    const bool is_full = feed->sent_count >= XR_WINDOW_UPDATES ||
                         (feed->sent_count > 0 && feed->sent_bytes + size > XR_WINDOW_BYTES);
    if (is_full && feed->full_ms == 0)
        feed->full_ms = xr_gate_now(peer->gate);
    return !is_full && !xr_sp_is_full(peer->conn);
}

static bool grow_sent(struct xr_feed *feed)
{
    const uint32_t max = feed->sent_max ? feed->sent_max * 2 : XR_FEED_SENT_FIRST;
    struct xr_sent *grown = xr_mem_alloc(max * sizeof(*grown));
    if (!grown)
        return false;
    for (uint32_t i = 0; i < feed->sent_count; i++)
        grown[i] = feed->sent[(feed->sent_first + i) & (feed->sent_max - 1)];
    xr_mem_free(feed->sent);
    feed->sent = grown;
    feed->sent_max = max;
    feed->sent_first = 0;
    return true;
}

/* Send one update, whatever the window says. */
static void send_row(struct xr_peer *peer, const struct xr_journal_row *row, uint64_t seq)
{
    struct xr_feed *feed = &peer->feed;
    uint8_t head[XR_PUSH_HEAD_MAX];
    const size_t head_size = xr_journal_head(row, seq, feed->last_sent, head);
    const size_t size = head_size + row->packed.size;
    if (feed->sent_count == feed->sent_max && !grow_sent(feed)) {
        xr_sp_close(peer->conn);
        return;
    }
    uint8_t *room = xr_sp_put(peer->conn, size);
    if (!room)
        return; /* closing */
    memcpy(room, head, head_size);
    if (row->packed.size)
        memcpy(room + head_size, row->packed.at, row->packed.size);
    feed->last_sent = seq;
    feed->sent[(feed->sent_first + feed->sent_count) & (feed->sent_max - 1)] =
        (struct xr_sent){seq, (uint32_t)size};
    feed->sent_count++;
    feed->sent_bytes += size;
}

bool xr_feed_awaits(const struct xr_peer *peer, uint64_t seq)
{
    const struct xr_feed *feed = &peer->feed;
    return feed->sent_count > 0 && feed->sent[feed->sent_first].seq <= seq;
}

void xr_feed_ack(struct xr_peer *peer, uint64_t seq)
{
    struct xr_feed *feed = &peer->feed;
    const uint32_t before = feed->sent_count;
    while (xr_feed_awaits(peer, seq)) {
        feed->sent_bytes -= feed->sent[feed->sent_first].bytes;
        feed->sent_first = (feed->sent_first + 1) & (feed->sent_max - 1);
        feed->sent_count--;
    }
    if (feed->sent_count == before)
        return;
    feed->full_ms = 0;
    xr_feed_serve(peer);
}

/* ---- live ------------------------------------------------------------------------------------ */

static void push_to(struct xr_peer *peer, const struct xr_journal_row *row, uint64_t seq)
{
    struct xr_feed *feed = &peer->feed;
    if (!feed->is_live || seq <= feed->position)
        return;
    if (!has_room(peer, row->packed.size + XR_PUSH_HEAD_MAX)) {
        feed->position = seq - 1;
        set_live(peer, false);
        peer->gate->metrics.behind++;
        return;
    }
    send_row(peer, row, seq);
    peer->gate->metrics.pushed++;
}

static void push_to_roles(struct xr_hall *hall, const struct xr_journal_row *row, uint64_t seq)
{
    for (uint32_t role = 1; role < XR_ROLES; role++) {
        if (((row->audience.roles >> role) & 1) == 0)
            continue;
        struct xr_peer *peer;
        for (peer = TAILQ_FIRST(&hall->by_role[role]); peer; peer = TAILQ_NEXT(peer, same_role))
            push_to(peer, row, seq);
    }
}

/* Those named, unless their role has had it already. A name that stands twice counts once. */
static void push_to_agents(struct xr_gate *gate, uint32_t floor, const struct xr_journal_row *row,
                           uint64_t seq)
{
    const uint32_t *agents = row->audience.agents;
    for (size_t i = 0; i < 4 && agents[i]; i++) {
        bool is_again = false;
        for (size_t k = 0; k < i; k++)
            is_again |= agents[k] == agents[i];
        struct xr_peer *peer =
            is_again ? NULL : xr_map_get(&gate->by_account, account_key(floor, agents[i]));
        for (; peer; peer = peer->account_next) {
            if (((row->audience.roles >> peer->role) & 1) == 0)
                push_to(peer, row, seq);
        }
    }
}

void xr_feed_push(struct xr_gate *gate, const struct xr_effect *effect)
{
    struct xr_hall *hall = xr_map_get(&gate->halls, effect->floor);
    if (!hall)
        return; /* nobody has ever been here */
    struct xr_journal_row row;
    const enum xr_status status = xr_journal_decode(effect->bytes, &row);
    XR_ASSERT(status == XR_OK);
    XR_ASSERT(effect->seq > hall->live);
    xr_tail_add(&hall->tail, effect->seq, effect->bytes);
    push_to_roles(hall, &row, effect->seq);
    push_to_agents(gate, effect->floor, &row, effect->seq);
    hall->live = effect->seq;
}

/* ---- scans of the journal -------------------------------------------------------------------- */

/* A row that was found: this head, then its bytes. */
struct found {
    uint64_t seq;
    uint32_t size;
};

struct scan {
    struct xr_job job;
    struct xr_gate *gate;
    uint64_t origin;
    uint32_t floor;
    struct xr_agent_id agent;
    enum xr_role role;
    uint32_t rows_max;
    size_t bytes_max;
    uint64_t position;   /* all rows up to here are done with */
    struct xr_buf found; /* rows for this feed */
    uint32_t found_count;
};

/* False: no more fits; the row is for the next scan. The first one always does. */
static bool keep_row(struct scan *scan, uint64_t seq, struct xr_bin row)
{
    const struct found head = {seq, row.size};
    if (scan->found_count == scan->rows_max)
        return false;
    if (scan->found_count > 0 && scan->found.size + row.size > scan->bytes_max)
        return false;
    if (!xr_buf_reserve(&scan->found, sizeof(head) + row.size))
        return false;
    xr_buf_add(&scan->found, &head, sizeof(head));
    xr_buf_add(&scan->found, row.at, row.size);
    scan->found_count++;
    return true;
}

static bool is_enough(uint32_t looked_at, uint64_t until_ns)
{
    if (looked_at >= XR_FEED_SCAN_ROWS)
        return true;
    return looked_at % 128 == 0 && looked_at > 0 && xr_clock_mono_ns() >= until_ns;
}

static void scan_rows(struct scan *scan, struct xr_tables *tables)
{
    const uint64_t until_ns = xr_clock_mono_ns() + XR_FEED_SCAN_NS;
    struct xr_scan rows;
    struct xr_bin key;
    struct xr_bin bytes;
    uint8_t from[8];
    xr_put_u64be(from, scan->position + 1);
    xr_tables_scan_open(tables, XR_TABLE_journal, (struct xr_bin){from, sizeof(from)}, false,
                        &rows);
    for (uint32_t looked_at = 0; !is_enough(looked_at, until_ns); looked_at++) {
        struct xr_journal_row row;
        if (!xr_tables_scan_next(tables, &rows, &key, &bytes))
            break;
        XR_ASSERT(key.size == 8);
        const uint64_t seq = xr_get_u64be(key.at);
        const enum xr_status status = xr_journal_decode(bytes, &row);
        XR_ASSERT(status == XR_OK);
        if (xr_audience_has(&row.audience, scan->agent, scan->role) && !keep_row(scan, seq, bytes))
            break;
        scan->position = seq;
    }
    xr_tables_scan_close(tables, &rows);
}

static void on_scan(struct xr_job *job)
{
    struct scan *scan = (struct scan *)job;
    struct xr_reader *reader;
    if (xr_reader_open(scan->gate->options.store, &reader))
        return; /* all readers are taken: nothing found, once more */
    scan_rows(scan, xr_reader_tables(reader, scan->floor));
    xr_reader_close(reader);
}

static void send_found(struct xr_peer *peer, const struct scan *scan)
{
    const uint8_t *at = scan->found.at;
    for (uint32_t i = 0; i < scan->found_count; i++) {
        struct found head;
        struct xr_journal_row row;
        memcpy(&head, at, sizeof(head));
        const struct xr_bin bytes = {at + sizeof(head), head.size};
        const enum xr_status status = xr_journal_decode(bytes, &row);
        XR_ASSERT(status == XR_OK);
        send_row(peer, &row, head.seq);
        at += sizeof(head) + head.size;
    }
    peer->gate->metrics.caught_up += scan->found_count;
    peer->feed.position = scan->position;
}

static void on_scanned(struct xr_job *job)
{
    struct scan *scan = (struct scan *)job;
    struct xr_gate *gate = scan->gate;
    struct xr_peer *peer = xr_map_get(&gate->by_origin, scan->origin);
    if (peer && peer->feed.is_on) {
        peer->feed.has_job = false;
        send_found(peer, scan);
        make_due(peer); /* not at once: others are served between */
    }
    xr_buf_fini(&scan->found);
    xr_mem_free(scan);
    xr_gate_resume_some(gate, 1); /* there is room in the pool's queue */
    uv_async_send(&gate->async);
}

/* The window has room for at least one row. */
static void start_scan(struct xr_peer *peer)
{
    struct xr_feed *feed = &peer->feed;
    struct xr_gate *gate = peer->gate;
    struct scan *scan = xr_mem_zero(1, sizeof(*scan));
    if (!scan) {
        xr_sp_close(peer->conn);
        return;
    }
    scan->job = (struct xr_job){.work = on_scan, .done = on_scanned};
    scan->gate = gate;
    scan->origin = peer->origin;
    scan->floor = peer->floor;
    scan->agent = peer->agent;
    scan->role = peer->role;
    scan->rows_max = XR_WINDOW_UPDATES - feed->sent_count;
    scan->bytes_max = XR_WINDOW_BYTES - feed->sent_bytes;
    if (feed->sent_bytes + XR_FEED_SCAN_BYTES < XR_WINDOW_BYTES)
        scan->bytes_max = XR_FEED_SCAN_BYTES;
    scan->position = feed->position;
    xr_buf_init(&scan->found, 2 * XR_FEED_SCAN_BYTES + XR_FRAME_BYTES_MAX);
    feed->has_job = xr_pool_submit(gate->readers, &scan->job) == XR_OK;
    if (feed->has_job) {
        gate->metrics.scans++;
        return;
    }
    xr_mem_free(scan);
    make_due(peer); /* the queue is full: when a job is through */
}

/* ---- behind ---------------------------------------------------------------------------------- */

/* Begin anew after what was handed on last. */
static void resync(struct xr_peer *peer, uint64_t seq)
{
    struct xr_feed *feed = &peer->feed;
    const struct xr_resync notice = {.seq = seq};
    feed->position = seq;
    feed->last_sent = seq;
    feed->sent_first = 0;
    feed->sent_count = 0;
    feed->sent_bytes = 0;
    feed->full_ms = 0;
    peer->gate->metrics.resyncs++;
    xr_peer_send(peer, XR_TYPE_resync, 0, &notice);
}

/* Look at the next row of the tail. False: the window is full, or the row is not there. */
static bool serve_one(struct xr_peer *peer, const struct xr_hall *hall)
{
    struct xr_feed *feed = &peer->feed;
    struct xr_journal_row row;
    struct xr_bin bytes;
    if (!xr_tail_get(&hall->tail, feed->position + 1, &bytes)) {
        start_scan(peer);
        return false;
    }
    const enum xr_status status = xr_journal_decode(bytes, &row);
    XR_ASSERT(status == XR_OK);
    if (xr_audience_has(&row.audience, peer->agent, peer->role)) {
        if (!has_room(peer, row.packed.size + XR_PUSH_HEAD_MAX))
            return false;
        send_row(peer, &row, feed->position + 1);
        peer->gate->metrics.caught_up++;
    }
    feed->position++;
    return true;
}

void xr_feed_serve(struct xr_peer *peer)
{
    struct xr_feed *feed = &peer->feed;
    if (!feed->is_on || feed->is_live || feed->has_job || peer->gate->is_paused)
        return;
    const struct xr_hall *hall = hall_of(peer);
    for (int rows = 0; feed->position < hall->live; rows++) {
        if (hall->live - feed->position > peer->gate->options.behind_max) {
            resync(peer, hall->live);
            break;
        }
        if (rows == XR_FEED_TURN_ROWS) {
            make_due(peer);
            uv_async_send(&peer->gate->async);
            return;
        }
        if (!has_room(peer, 0) || xr_sp_is_closing(peer->conn))
            return;
        if (!serve_one(peer, hall))
            return;
    }
    set_live(peer, true);
}

void xr_feed_serve_due(struct xr_gate *gate)
{
    struct xr_peer *peer;
    size_t count = 0;
    for (peer = TAILQ_FIRST(&gate->due); peer; peer = TAILQ_NEXT(peer, due))
        count++;
    while (count-- > 0 && (peer = TAILQ_FIRST(&gate->due))) {
        drop_due(peer);
        xr_feed_serve(peer);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

uint64_t xr_feed_cursor(const struct xr_gate *gate, bool has_cursor, uint64_t cursor, uint64_t head,
                        bool *is_resync)
{
    *is_resync = has_cursor && (cursor > head || head - cursor > gate->options.behind_max);
    return has_cursor && !*is_resync ? cursor : head;
}

void xr_feed_start(struct xr_peer *peer, uint64_t cursor, uint64_t head, bool is_resync)
{
    struct xr_feed *feed = &peer->feed;
    struct xr_hall *hall = hall_of(peer);
    *feed = (struct xr_feed){.is_on = true, .position = cursor, .last_sent = cursor};
    if (hall->live < head)
        hall->live = head;
    peer->gate->metrics.catching_up++;
    TAILQ_INSERT_TAIL(&hall->by_role[peer->role], peer, same_role);
    join_account(peer);
    if (is_resync)
        resync(peer, cursor);
    xr_feed_serve(peer);
}

void xr_feed_stop(struct xr_peer *peer)
{
    struct xr_feed *feed = &peer->feed;
    if (!feed->is_on)
        return;
    drop_due(peer);
    set_live(peer, true);
    TAILQ_REMOVE(&hall_of(peer)->by_role[peer->role], peer, same_role);
    leave_account(peer);
    xr_mem_free(feed->sent);
    *feed = (struct xr_feed){0};
}

void xr_feed_beat(struct xr_peer *peer, uint64_t ref)
{
    struct xr_feed *feed = &peer->feed;
    struct xr_marker marker = {.prev = feed->last_sent, .wall_ms = xr_clock_wall_ms()};
    if (feed->is_on) {
        const uint64_t live = hall_of(peer)->live;
        marker.seq = feed->is_live && live > feed->position ? live : feed->position;
        feed->last_sent = marker.seq;
    }
    xr_peer_send(peer, XR_TYPE_marker, ref, &marker);
}
