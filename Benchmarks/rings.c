// What io_uring offers beside what the engine uses of it, each against what it uses now; see docs/performance.md.
//
//     cc -O2 -o /tmp/rings Benchmarks/rings.c -l:liburing.a -lpthread && /tmp/rings
//
// Prints CPU time of the process in ns per operation, the median of 5 rounds: registered descriptors (a byte sent and
// received), zero-copy sends (to a reader over loopback, whose time is in it), messages between rings (a wake-up of a
// sleeping thread and its answer), new sockets, and bulk received over loopback (the sender's time is in it).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5

static void check(int result, const char *what) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", what, strerror(-result));
    exit(1);
}

static double cpu(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double rounds[ROUNDS]) {
    qsort(rounds, ROUNDS, sizeof *rounds, by_size);
    printf("%-44s %9.0f ns\n", name, rounds[ROUNDS / 2]);
}

// A ring as the engine's; its own thread enables it.
static void open_ring(struct io_uring *ring) {
    struct io_uring_params parameters = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
        IORING_SETUP_R_DISABLED};
    check(io_uring_queue_init_params(64, ring, &parameters), "a ring");
}

static int await(struct io_uring *ring) {
    struct io_uring_cqe *cqe;
    check(io_uring_submit_and_wait(ring, 1), "waiting");
    check(io_uring_peek_cqe(ring, &cqe), "a completion");
    int result = cqe->res;
    io_uring_cqe_seen(ring, cqe);
    return result;
}

// ---- Registered descriptors

static double bytes(int registered) {
    enum { count = 200000 };
    struct io_uring ring;
    int pair[2];
    open_ring(&ring);
    check(io_uring_enable_rings(&ring), "enabling");
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -errno : 0, "a pair");
    if (registered) check(io_uring_register_files(&ring, pair, 2), "registering");
    char byte = 1;
    double before = cpu();
    for (int i = 0; i < count; i++) {
        struct io_uring_sqe *send = io_uring_get_sqe(&ring), *receive = io_uring_get_sqe(&ring);
        io_uring_prep_send(send, registered ? 0 : pair[0], &byte, 1, 0);
        send->flags |= IOSQE_CQE_SKIP_SUCCESS | (registered ? IOSQE_FIXED_FILE : 0);
        io_uring_prep_recv(receive, registered ? 1 : pair[1], &byte, 1, 0);
        receive->flags |= registered ? IOSQE_FIXED_FILE : 0;
        if (await(&ring) != 1) exit(1);
    }
    double spent = (cpu() - before) / count;
    io_uring_queue_exit(&ring);
    close(pair[0]);
    close(pair[1]);
    return spent;
}

// ---- Zero-copy sends

static void *drain(void *argument) {
    int fd = *(int *)argument;
    static char buffer[1 << 18];
    while (read(fd, buffer, sizeof buffer) > 0) {}
    return NULL;
}

// The two ends of a connection over loopback.
static void connect_pair(int *client, int *server) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &length) ||
        connect(*client, (struct sockaddr *)&address, length)) check(-errno, "connecting");
    *server = accept(listener, NULL, NULL);
    close(listener);
}

static double sends(size_t size, int zero_copy) {
    size_t count = (256u << 20) / size;
    struct io_uring ring;
    open_ring(&ring);
    check(io_uring_enable_rings(&ring), "enabling");
    int client, server;
    connect_pair(&client, &server);
    pthread_t reader;
    pthread_create(&reader, NULL, drain, &server);
    char *buffer = aligned_alloc(4096, size);
    memset(buffer, 1, size);
    double before = cpu();
    for (size_t i = 0; i < count; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        if (zero_copy) io_uring_prep_send_zc(sqe, client, buffer, size, MSG_WAITALL, 0);
        else io_uring_prep_send(sqe, client, buffer, size, MSG_WAITALL);
        check(await(&ring), "sending");
        // The second completion says that the memory is free again.
        if (zero_copy) check(await(&ring), "a notification");
    }
    shutdown(client, SHUT_WR);
    pthread_join(reader, NULL);
    double spent = (cpu() - before) / count;
    io_uring_queue_exit(&ring);
    close(client);
    close(server);
    free(buffer);
    return spent;
}

// ---- New sockets

static double sockets(int by_ring) {
    enum { count = 50000 };
    struct io_uring ring;
    open_ring(&ring);
    check(io_uring_enable_rings(&ring), "enabling");
    double before = cpu();
    for (int i = 0; i < count; i++) {
        int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, fd;
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        if (by_ring) {
            io_uring_prep_socket(sqe, AF_INET, flags, 0, 0);
            fd = await(&ring);
            sqe = io_uring_get_sqe(&ring);
        } else {
            fd = socket(AF_INET, flags, 0);
        }
        check(fd, "a socket");
        io_uring_prep_close(sqe, fd);
        check(await(&ring), "closing");
    }
    double spent = (cpu() - before) / count;
    io_uring_queue_exit(&ring);
    return spent;
}

// ---- Bulk

#define BLOCK 16384
#define BLOCKS 64
#define RECEIVE_BUNDLE (1u << 4)

static void *pour(void *argument) {
    static char buffer[1 << 18];
    for (int i = 0; i < 2048; i++) {
        for (size_t sent = 0; sent < sizeof buffer;) {
            ssize_t result = write(*(int *)argument, buffer + sent, sizeof buffer - sent);
            if (result < 0) check(-errno, "writing");
            sent += result;
        }
    }
    shutdown(*(int *)argument, SHUT_WR);
    return NULL;
}

// Four blocks a call, and a poll by the ring when there is nothing.
static size_t by_calls(struct io_uring *ring, int fd, char *memory) {
    size_t total = 0;
    for (;;) {
        struct iovec vectors[4];
        for (int i = 0; i < 4; i++) vectors[i] = (struct iovec){memory + i * BLOCK, BLOCK};
        struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 4};
        ssize_t result = recvmsg(fd, &message, MSG_DONTWAIT);
        if (result == 0) return total;
        if (result < 0 && errno != EAGAIN) check(-errno, "receiving");
        if (result > 0) total += result;
        if (result == 4 * BLOCK) continue;
        io_uring_prep_poll_add(io_uring_get_sqe(ring), fd, POLLIN);
        check(await(ring), "polling");
    }
}

// A receive that repeats, one block a completion, or as many as there are bytes for.
static size_t by_ring(struct io_uring *ring, int fd, char *memory, int bundles) {
    struct io_uring_buf_ring *blocks = aligned_alloc(4096, 4096);
    memset(blocks, 0, 4096);
    struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)blocks, .ring_entries = BLOCKS};
    check(io_uring_register_buf_ring(ring, &registration, 0), "registering");
    io_uring_buf_ring_init(blocks);
    for (int i = 0; i < BLOCKS; i++)
        io_uring_buf_ring_add(blocks, memory + i * BLOCK, BLOCK, i, BLOCKS - 1, i);
    io_uring_buf_ring_advance(blocks, BLOCKS);
    size_t total = 0;
    for (int armed = 0;;) {
        struct io_uring_cqe *cqe;
        if (!armed) {
            struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
            io_uring_prep_recv(sqe, fd, NULL, 0, 0);
            sqe->ioprio |= IORING_RECV_MULTISHOT | (bundles ? RECEIVE_BUNDLE : 0);
            sqe->flags |= IOSQE_BUFFER_SELECT;
            armed = 1;
        }
        check(io_uring_submit_and_wait(ring, 1), "waiting");
        while (io_uring_peek_cqe(ring, &cqe) == 0) {
            int result = cqe->res, number = cqe->flags >> IORING_CQE_BUFFER_SHIFT, used = 0;
            armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
            io_uring_cqe_seen(ring, cqe);
            if (result == 0) return free(blocks), total;
            if (result == -ENOBUFS) continue;
            check(result, "receiving");
            total += result;
            for (int left = result; left > 0; left -= BLOCK, used++) {
                int block = (number + used) % BLOCKS;
                io_uring_buf_ring_add(blocks, memory + block * BLOCK, BLOCK, block, BLOCKS - 1, used);
            }
            io_uring_buf_ring_advance(blocks, used);
        }
    }
}

// CPU time of a megabyte.
static double bulk(int how) {
    struct io_uring ring;
    open_ring(&ring);
    check(io_uring_enable_rings(&ring), "enabling");
    int client, server;
    connect_pair(&client, &server);
    char *memory = aligned_alloc(4096, BLOCKS * BLOCK);
    memset(memory, 1, BLOCKS * BLOCK);
    pthread_t writer;
    double before = cpu();
    pthread_create(&writer, NULL, pour, &client);
    size_t total = how == 0 ? by_calls(&ring, server, memory) : by_ring(&ring, server, memory, how == 2);
    pthread_join(writer, NULL);
    double spent = (cpu() - before) / (total >> 20);
    io_uring_queue_exit(&ring);
    close(client);
    close(server);
    free(memory);
    return spent;
}

// ---- Waking

enum { wakes = 50000 };

struct sleeper {
    struct io_uring ring;
    int event;
    struct sleeper *other;
    int messages;
};

static void arm(struct sleeper *self) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
    io_uring_prep_poll_multishot(sqe, self->event, POLLIN);
}

static void wake(struct sleeper *self) {
    uint64_t one = 1;
    if (!self->messages) {
        if (write(self->other->event, &one, sizeof one) < 0) exit(1);
        return;
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
    io_uring_prep_msg_ring(sqe, self->other->ring.ring_fd, 1, 0, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

static void sleep_once(struct sleeper *self) {
    uint64_t value;
    check(await(&self->ring), "waiting to be woken");
    if (!self->messages && read(self->event, &value, sizeof value) < 0) exit(1);
}

static void *answer(void *argument) {
    struct sleeper *self = argument;
    check(io_uring_enable_rings(&self->ring), "enabling");
    if (!self->messages) arm(self);
    for (int i = 0; i < wakes; i++) {
        sleep_once(self);
        wake(self);
    }
    if (self->messages) check(io_uring_submit(&self->ring), "the last message");
    return NULL;
}

static double wake_ups(int messages) {
    struct sleeper near = {.messages = messages}, far = {.messages = messages, .other = &near};
    near.other = &far;
    near.event = eventfd(0, EFD_NONBLOCK);
    far.event = eventfd(0, EFD_NONBLOCK);
    open_ring(&near.ring);
    open_ring(&far.ring);
    check(io_uring_enable_rings(&near.ring), "enabling");
    if (!messages) arm(&near);
    pthread_t thread;
    pthread_create(&thread, NULL, answer, &far);
    usleep(20000);
    double before = cpu();
    for (int i = 0; i < wakes; i++) {
        wake(&near);
        sleep_once(&near);
    }
    double spent = (cpu() - before) / (2 * wakes);
    pthread_join(thread, NULL);
    io_uring_queue_exit(&near.ring);
    io_uring_queue_exit(&far.ring);
    close(near.event);
    close(far.event);
    return spent;
}

int main(void) {
    double rounds[2][ROUNDS];
    char name[64];
    for (int i = 0; i < ROUNDS; i++) for (int new = 0; new < 2; new++) rounds[new][i] = bytes(new);
    report("a byte sent and received", rounds[0]);
    report("the same, registered descriptors", rounds[1]);
    for (size_t size = 16384; size <= 65536; size *= 4) {
        for (int i = 0; i < ROUNDS; i++) for (int new = 0; new < 2; new++) rounds[new][i] = sends(size, new);
        snprintf(name, sizeof name, "%zu KiB sent", size >> 10);
        report(name, rounds[0]);
        report("the same, without copying", rounds[1]);
    }
    for (int i = 0; i < ROUNDS; i++) for (int new = 0; new < 2; new++) rounds[new][i] = wake_ups(new);
    report("a wake-up by eventfd", rounds[0]);
    report("a wake-up by a message between rings", rounds[1]);
    for (int i = 0; i < ROUNDS; i++) for (int new = 0; new < 2; new++) rounds[new][i] = sockets(new);
    report("a socket made by a call, closed by the ring", rounds[0]);
    report("a socket made and closed by the ring", rounds[1]);
    double many[3][ROUNDS];
    for (int i = 0; i < ROUNDS; i++) for (int how = 0; how < 3; how++) many[how][i] = bulk(how);
    report("a megabyte received, by calls", many[0]);
    report("the same, a repeating receive", many[1]);
    report("the same, in bundles", many[2]);
    return 0;
}
