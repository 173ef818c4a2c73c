/*
 * A client that uses somebody else's library for the transport (a port) and writes its frames by
 * hand: what it must be able to do, whatever the library. A port sends and receives raw REQ
 * messages; everything else is here, so that each library is held to the same.
 */
#ifndef XR_TESTS_FOREIGN_H
#define XR_TESTS_FOREIGN_H

#include "support/byhand.h"
#include "support/served.h"

struct foreign_port {
    void *(*open)(const char *address); /* connects; fails the test */
    void (*close)(void *port);
    /* One message: header word 80 00 00 01, then the payload. False: there is no connection. */
    bool (*send)(void *port, const uint8_t *payload, size_t size);
    /* The payload of the next message; 0: none within `ms`. */
    size_t (*receive)(void *port, int ms, uint8_t *out, size_t room);
};

/* Log in, open a session, talk both ways, be away, resume with token and cursor. */
void foreign_talks_and_resumes(const struct foreign_port *port, bool over_tcp);

/* The server is killed; the library connects again by itself; the client is told to log in, does,
 * sends again what has no answer, and has missed nothing. */
void foreign_outlives_the_server(const struct foreign_port *port);

#endif
