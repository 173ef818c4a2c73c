/*
 * The smallest whole program with libxiaoer: log in as an agent, go online, and answer every buyer
 * with the same words, for ever. Lost connections and restarts of the server need no line of code.
 *
 *     minimal ADDRESS FLOOR LOGIN PASSWORD
 *     minimal ipc://./var/xiaoer.sock demo mei secret123
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "proto/wire.h"
#include <xiaoer/client.h>

/* Errors come as answers: XR_FULL (too many commands without one) is the caller's to wait for. */
static void send_or_tell(struct xr_client *client, enum xr_type type, const void *message)
{
    const enum xr_status status = xr_client_send(client, type, message, NULL);
    if (status != XR_OK)
        fprintf(stderr, "not sent: %s\n", xr_status_text(status));
}

static void on_message(struct xr_client *client, const struct xr_message *message)
{
    if (message->sender != XR_sender_BUYER)
        return;
    printf("session %" PRIu64 ": %.*s\n", message->session.n, (int)message->text.size,
           message->text.at);
    const struct xr_say answer = {
        .session = message->session,
        .text = XR_STR("您好，在的亲"),
        .seen = message->number, /* refused if more was written meanwhile */
    };
    send_or_tell(client, XR_TYPE_say, &answer);
}

static void on_event(struct xr_client *client, const struct xr_client_event *event)
{
    if (event->kind == XR_CLIENT_STATE && event->state == XR_CLIENT_READY)
        send_or_tell(client, XR_TYPE_be, &(struct xr_be){.state = XR_presence_ONLINE});
    if (event->kind == XR_CLIENT_UPDATE && event->type == XR_TYPE_message_added)
        on_message(client, &((const struct xr_message_added *)event->message)->message);
    if (event->type == XR_TYPE_error) {
        const struct xr_error *error = event->message;
        fprintf(stderr, "refused: %s\n", xr_choice_name("code", error->code));
    }
}

int main(int argc, char **argv)
{
    struct xr_client *client = NULL;
    struct xr_client_event event;
    if (argc != 5) {
        fprintf(stderr, "usage: minimal ADDRESS FLOOR LOGIN PASSWORD\n");
        return 2;
    }
    const struct xr_client_options options = {
        .size = sizeof(options),
        .address = argv[1],
        .floor = argv[2],
        .login = argv[3],
        .password = argv[4],
        .feed = true,
        .client = "minimal/1",
    };
    if (xr_client_new(&options, &client) != XR_OK) {
        fprintf(stderr, "the address or another option is wrong\n");
        return 2;
    }
    while (xr_client_get_state(client) != XR_CLIENT_REFUSED) {
        struct pollfd polled = {xr_client_fd(client), POLLIN, 0};
        poll(&polled, 1, xr_client_wait_ms(client));
        xr_client_turn(client);
        while (xr_client_next(client, &event))
            on_event(client, &event);
    }
    xr_client_free(client);
    return 1;
}
