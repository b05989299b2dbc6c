// What a relay costs that does nothing but pass bytes on: the floor under every proxy on a machine. See
// docs/performance.md; `Benchmarks/run --floor` builds it and puts it beside the others.
//
//     cc -O2 -o /tmp/floor Benchmarks/floor.c -l:liburing.a && /tmp/floor epoll 8000 127.0.0.1:8001
//
// One thread; for each client a connection to the one server. `epoll`: registered once, edge-triggered, received and
// sent by calls. `io_uring`: accepts and receives that repeat, provided buffers, which are sent as they are, and all
// that a turn prepares submitted by the wait at its end. It is for measuring: no limits, no timeouts, and when one side
// ends or fails, both are closed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK 16384
#define BLOCKS 1024
#define QUEUE BLOCKS
#define EVENTS 256

static struct sockaddr_in origin;
static int listener;

static int check(int result, const char *what) {
    if (result >= 0) return result;
    fprintf(stderr, "floor: %s: %s\n", what, strerror(result == -1 ? errno : -result));
    exit(1);
}

// One of the two connections of a stream.
struct side {
    struct side *other;
    int fd;
    int isConnecting, isClosing;
    // The end was reported (epoll), or received.
    int hasEnded;
    // epoll: what was reported, and what the socket had no room for.
    int isReadable;
    int left, leftAt;
    char *pending;
    // io_uring: what is armed, and blocks to be sent.
    int isReceiving, isSending, isStarved;
    unsigned head, tail;
    struct { short block; int count, at; } queue[QUEUE];
};

// Returns the client's side; the server's is not connected yet.
static struct side *pair(int client) {
    struct side *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    if (!a || !b) check(-ENOMEM, "a stream");
    memset(a, 0, offsetof(struct side, queue));
    memset(b, 0, offsetof(struct side, queue));
    a->other = b;
    b->other = a;
    a->fd = client;
    b->fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "a socket");
    b->isConnecting = 1;
    return a;
}

// ---- epoll

static int poller;
static char block[BLOCK];
// Sides that the rest of a batch may still name.
static struct side *closed[2 * EVENTS];
static int closedCount;

static void end(struct side *side) {
    if (side->isClosing) return;
    for (int i = 0; i < 2; i++, side = side->other) {
        side->isClosing = 1;
        close(side->fd);
        closed[closedCount++] = side;
    }
}

// Sends what is pending. Returns whether it is gone.
static int drain(struct side *side) {
    if (side->left == 0) return 1;
    long sent = send(side->fd, side->pending + side->leftAt, side->left, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) end(side);
    if (sent <= 0) return 0;
    side->leftAt += sent;
    side->left -= sent;
    return side->left == 0;
}

static void pass(struct side *from) {
    struct side *to = from->other;
    while (from->isReadable && !from->isClosing && to->left == 0) {
        long count = recv(from->fd, block, BLOCK, 0);
        if (count < 0 && errno == EAGAIN) from->isReadable = 0;
        else if (count <= 0) end(from);
        if (count <= 0) return;
        // A short read says that the socket is empty, but for an end that was reported before.
        if (count < BLOCK && !from->hasEnded) from->isReadable = 0;
        long sent = to->isConnecting ? 0 : send(to->fd, block, count, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return end(from);
        if (sent < 0) sent = 0;
        if (sent == count) continue;
        if (!to->pending) to->pending = malloc(BLOCK);
        if (!to->pending) check(-ENOMEM, "a block");
        memcpy(to->pending, block + sent, count - sent);
        to->left = count - sent;
        to->leftAt = 0;
    }
}

static void watch(struct side *side) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = side};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, side->fd, &event), "epoll_ctl");
}

static void acceptOne(void) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct side *client = pair(fd);
    int result = connect(client->other->fd, (struct sockaddr *)&origin, sizeof origin);
    if (result < 0 && errno != EINPROGRESS) check(-errno, "connect");
    watch(client->other);
    watch(client);
}

static void runEpoll(void) {
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    poller = check(epoll_create1(EPOLL_CLOEXEC), "epoll");
    check(epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct side *side = events[i].data.ptr;
            if (!side) acceptOne();
            if (!side || side->isClosing) continue;
            if (events[i].events & EPOLLOUT) {
                side->isConnecting = 0;
                if (drain(side)) pass(side->other);
            }
            if (events[i].events & ~EPOLLOUT) {
                side->isReadable = 1;
                if (events[i].events & ~(EPOLLOUT | EPOLLIN)) side->hasEnded = 1;
                pass(side);
            }
        }
        while (closedCount > 0) {
            struct side *side = closed[--closedCount];
            free(side->pending);
            free(side);
        }
    }
}

// ---- io_uring

// In the low bits of a token, beside the address of a side.
enum operation { RECEIVE, SEND, CONNECT, ACCEPT };
#define OPERATION 7UL

static struct io_uring ring;
static struct io_uring_buf_ring *provided;
static char *blocks;
static struct side **starved;
static int starvedCount, starvedRoom;

static struct io_uring_sqe *prepared(struct side *side, enum operation operation) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
    if (!entry) {
        check(io_uring_submit(&ring), "submitting");
        entry = io_uring_get_sqe(&ring);
    }
    entry->user_data = (unsigned long)side | operation;
    return entry;
}

// The preparing functions of liburing 2.3 leave the token alone.
static void armAccept(void) {
    io_uring_prep_multishot_accept(prepared(NULL, ACCEPT), listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void armReceive(struct side *side) {
    struct io_uring_sqe *entry = prepared(side, RECEIVE);
    io_uring_prep_recv_multishot(entry, side->fd, NULL, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
    side->isReceiving = 1;
}

static void armSend(struct side *side) {
    if (side->isSending || side->isConnecting || side->isClosing || side->head == side->tail) return;
    int first = side->head % QUEUE, at = side->queue[first].at;
    char *bytes = blocks + (size_t)side->queue[first].block * BLOCK + at;
    io_uring_prep_send(prepared(side, SEND), side->fd, bytes, side->queue[first].count - at, MSG_NOSIGNAL);
    side->isSending = 1;
}

static void provide(int number) {
    io_uring_buf_ring_add(provided, blocks + (size_t)number * BLOCK, BLOCK, number, BLOCKS - 1, 0);
    io_uring_buf_ring_advance(provided, 1);
}

static int isArmed(struct side *side) {
    return side->isReceiving || side->isSending || side->isConnecting || side->isStarved;
}

// Ends what is armed by shutting both sockets down, and closes them when nothing is armed any more.
static void endRing(struct side *side) {
    for (int i = 0; i < 2 && !side->isClosing; i++) shutdown((i ? side->other : side)->fd, SHUT_RDWR);
    side->isClosing = side->other->isClosing = 1;
    if (isArmed(side) || isArmed(side->other)) return;
    struct side *both[] = {side, side->other};
    for (int i = 0; i < 2; i++) {
        while (both[i]->head != both[i]->tail) provide(both[i]->queue[both[i]->head++ % QUEUE].block);
        close(both[i]->fd);
        free(both[i]);
    }
}

static void waitForBlocks(struct side *side) {
    if (starvedCount == starvedRoom) {
        starvedRoom = starvedRoom ? 2 * starvedRoom : 64;
        starved = realloc(starved, starvedRoom * sizeof *starved);
        if (!starved) check(-ENOMEM, "a list");
    }
    side->isStarved = 1;
    starved[starvedCount++] = side;
}

static void accepted(int fd) {
    struct side *client = pair(fd), *server = client->other;
    io_uring_prep_connect(prepared(server, CONNECT), server->fd, (struct sockaddr *)&origin, sizeof origin);
    armReceive(client);
}

static void received(struct side *from, int result, unsigned flags) {
    struct side *to = from->other;
    if (!(flags & IORING_CQE_F_MORE)) from->isReceiving = 0;
    if (result == -ENOBUFS && !from->isClosing) return waitForBlocks(from);
    if (flags & IORING_CQE_F_BUFFER) {
        int number = flags >> IORING_CQE_BUFFER_SHIFT;
        if (from->isClosing) {
            provide(number);
            return endRing(from);
        }
        to->queue[to->tail % QUEUE].block = number;
        to->queue[to->tail % QUEUE].count = result;
        to->queue[to->tail++ % QUEUE].at = 0;
        armSend(to);
    }
    from->hasEnded = result <= 0;
    // What came before the end is sent first.
    if (from->isClosing || (from->hasEnded && (result < 0 || !to->isSending))) return endRing(from);
    if (!from->isReceiving && !from->hasEnded) armReceive(from);
}

static void sent(struct side *side, int result) {
    side->isSending = 0;
    if (result < 0 || side->isClosing) return endRing(side);
    int first = side->head % QUEUE;
    side->queue[first].at += result;
    if (side->queue[first].at == side->queue[first].count) {
        provide(side->queue[first].block);
        side->head++;
    }
    if (side->other->hasEnded && side->head == side->tail) return endRing(side);
    armSend(side);
}

static void connected(struct side *side, int result) {
    side->isConnecting = 0;
    if (result < 0 || side->isClosing) return endRing(side);
    armReceive(side);
    armSend(side);
}

static void openRing(void) {
    struct io_uring_params parameters = {.cq_entries = 4096, .flags = IORING_SETUP_SINGLE_ISSUER |
        IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL};
    check(io_uring_queue_init_params(1024, &ring, &parameters), "a ring");
    check(io_uring_register_ring_fd(&ring), "registering the ring");
    blocks = aligned_alloc(4096, (size_t)BLOCKS * BLOCK);
    provided = aligned_alloc(4096, BLOCKS * sizeof(struct io_uring_buf));
    if (!blocks || !provided) check(-ENOMEM, "blocks");
    struct io_uring_buf_reg registration = {.ring_addr = (unsigned long)provided, .ring_entries = BLOCKS};
    check(io_uring_register_buf_ring(&ring, &registration, 0), "registering blocks");
    io_uring_buf_ring_init(provided);
    for (int number = 0; number < BLOCKS; number++) provide(number);
}

static void runRing(void) {
    openRing();
    armAccept();
    for (;;) {
        while (starvedCount > 0) {
            struct side *side = starved[--starvedCount];
            side->isStarved = 0;
            if (side->isClosing) endRing(side);
            else armReceive(side);
        }
        int result = io_uring_submit_and_wait(&ring, 1);
        if (result != -EINTR) check(result, "waiting");
        struct io_uring_cqe *completion;
        unsigned head, count = 0;
        io_uring_for_each_cqe(&ring, head, completion) {
            struct side *side = (struct side *)(completion->user_data & ~OPERATION);
            count++;
            switch (completion->user_data & OPERATION) {
            case RECEIVE: received(side, completion->res, completion->flags); break;
            case SEND: sent(side, completion->res); break;
            case CONNECT: connected(side, completion->res); break;
            case ACCEPT:
                if (!(completion->flags & IORING_CQE_F_MORE)) armAccept();
                if (completion->res >= 0) accepted(completion->res);
            }
        }
        io_uring_cq_advance(&ring, count);
    }
}

int main(int count, char **arguments) {
    char address[64] = "", *port;
    if (count == 4) snprintf(address, sizeof address, "%s", arguments[3]);
    if (!(port = strchr(address, ':'))) {
        fprintf(stderr, "usage: floor epoll|io_uring PORT SERVER:PORT\n");
        return 2;
    }
    *port++ = 0;
    origin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    if (inet_pton(AF_INET, address, &origin.sin_addr) != 1) check(-EINVAL, address);
    struct rlimit limit;
    check(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[2]))};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "a socket");
    int one = 1;
    check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "setsockopt");
    check(bind(listener, (struct sockaddr *)&own, sizeof own), "bind");
    check(listen(listener, 4096), "listen");
    if (strcmp(arguments[1], "epoll") == 0) runEpoll();
    else runRing();
}
