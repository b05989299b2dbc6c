// What io_uring offers beside what the engine uses of it, each against what it uses now; see docs/performance.md.
//
//     cc -O2 -o /tmp/rings Benchmarks/rings.c -l:liburing.a -lpthread && /tmp/rings
//
// Prints CPU time of the process in ns per operation, the median of 5 rounds: registered descriptors (a byte sent and
// received), zero-copy sends (to a reader over loopback, whose time is in it), messages between rings (a wake-up of a
// sleeping thread and its answer).
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

static double sends(size_t size, int zero_copy) {
    size_t count = (256u << 20) / size;
    struct io_uring ring;
    open_ring(&ring);
    check(io_uring_enable_rings(&ring), "enabling");
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &length) ||
        connect(client, (struct sockaddr *)&address, length)) check(-errno, "connecting");
    int server = accept(listener, NULL, NULL);
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
    close(listener);
    close(client);
    close(server);
    free(buffer);
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
    return 0;
}
