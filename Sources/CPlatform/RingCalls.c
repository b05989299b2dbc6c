#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "CPlatform.h"

#if defined(__linux__)

#include <stdlib.h>
#include <string.h>

// The memory of a ring is mapped and unmapped by liburing's own system calls, which ThreadSanitizer does not see: what
// another thread did with a ring that lay at the same address before would look like a race. A ring has one thread.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#pragma clang attribute push(__attribute__((no_sanitize("thread"))), apply_to = function)
#define RINGS_ARE_NOT_INSTRUMENTED 1
#endif
#endif

#include <liburing.h>

// Newer than liburing 2.3, with the kernel that has them first.
// 6.17: a receive of several completions ends by itself after so many bytes; the field shares its place with
// file_index, which older kernels refuse for a receive.
#define SQE_RECEIVE_TOTAL(sqe) ((sqe)->file_index)
// 6.7: options of sockets. Level and name share their place with addr, the value's size with file_index, its address
// with addr3.
#define SOCKET_COMMAND_SET_OPTION 3

#define TRANSIENTS 64

struct transient_message {
    struct msghdr head;
    struct iovec vectors[HOST_RING_VECTORS];
};

struct host_ring {
    struct io_uring ring;
    struct io_uring_buf_ring *buffers;
    unsigned buffer_count;
    // What entries of the queue point to until they are submitted; the kernel copies it then.
    unsigned messages_used;
    unsigned addresses_used;
    unsigned values_used;
    struct transient_message messages[TRANSIENTS];
    struct sockaddr_storage addresses[TRANSIENTS];
    int values[TRANSIENTS];
};

int host_ring_open(unsigned entries, unsigned completions, unsigned buffers, struct host_ring **made) {
    struct host_ring *ring = calloc(1, sizeof *ring);
    if (!ring) return -ENOMEM;
    size_t size = buffers * sizeof(struct io_uring_buf);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (memory == MAP_FAILED) {
        free(ring);
        return -ENOMEM;
    }
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    parameters.cq_entries = completions;
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
        IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP;
    int result = io_uring_queue_init_params(entries, &ring->ring, &parameters);
    unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
    if (result >= 0 && (parameters.features & needed) != needed) {
        io_uring_queue_exit(&ring->ring);
        result = -ENOSYS;
    }
    if (result >= 0) {
        // A ring that is disabled lets any thread register. Here, so that a limit of locked memory, of which the kernel
        // takes ring and buffers, is met before anything depends on the ring.
        ring->buffers = memory;
        ring->buffer_count = buffers;
        io_uring_buf_ring_init(ring->buffers);
        struct io_uring_buf_reg registration;
        memset(&registration, 0, sizeof registration);
        registration.ring_addr = (uint64_t)(uintptr_t)memory;
        registration.ring_entries = buffers;
        result = io_uring_register_buf_ring(&ring->ring, &registration, 0);
        if (result < 0) io_uring_queue_exit(&ring->ring);
    }
    if (result < 0) {
        munmap(memory, size);
        free(ring);
        return result;
    }
    *made = ring;
    return 0;
}

void host_ring_close(struct host_ring *ring) {
    // From here on no receive finds a buffer.
    io_uring_unregister_buf_ring(&ring->ring, 0);
    io_uring_queue_exit(&ring->ring);
    munmap(ring->buffers, ring->buffer_count * sizeof(struct io_uring_buf));
    free(ring);
}

int host_ring_enable(struct host_ring *ring) {
    int result = io_uring_enable_rings(&ring->ring);
    if (result < 0) return result;
    // Spares a look-up of the ring's own descriptor; no harm without.
    (void)io_uring_register_ring_fd(&ring->ring);
    return 0;
}

void host_ring_give(struct host_ring *ring, void *bytes, unsigned count, uint16_t number) {
    io_uring_buf_ring_add(
        ring->buffers, bytes, count, number, io_uring_buf_ring_mask(ring->buffer_count), 0);
    io_uring_buf_ring_advance(ring->buffers, 1);
}

// ---- Entering

// Shows the kernel what is prepared. Returns how many entries it has not taken yet.
static unsigned publish(struct io_uring *ring) {
    struct io_uring_sq *queue = &ring->sq;
    unsigned tail = *queue->ktail;
    while (queue->sqe_head != queue->sqe_tail) {
        queue->array[tail & queue->ring_mask] = queue->sqe_head & queue->ring_mask;
        tail++;
        queue->sqe_head++;
    }
    io_uring_smp_store_release(queue->ktail, tail);
    return tail - io_uring_smp_load_acquire(queue->khead);
}

static int enter(struct host_ring *ring, unsigned count, unsigned wait, unsigned flags, void *argument, size_t size) {
    if (ring->ring.enter_ring_fd != ring->ring.ring_fd) flags |= IORING_ENTER_REGISTERED_RING;
    int result = io_uring_enter2(ring->ring.enter_ring_fd, count, wait, flags, argument, size);
    if (result >= 0 && (unsigned)result == count) {
        ring->messages_used = 0;
        ring->addresses_used = 0;
        ring->values_used = 0;
    }
    return result;
}

int host_ring_enter(struct host_ring *ring, int timeout) {
    unsigned count = publish(&ring->ring);
    int result;
    if (timeout == 0) {
        unsigned flags = IO_URING_READ_ONCE(*ring->ring.sq.kflags);
        if (count == 0 && !(flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)))
            return (int)io_uring_cq_ready(&ring->ring);
        result = enter(ring, count, 0, IORING_ENTER_GETEVENTS, NULL, _NSIG / 8);
    } else {
        struct __kernel_timespec limit = {.tv_sec = timeout / 1000, .tv_nsec = (long long)(timeout % 1000) * 1000000};
        struct io_uring_getevents_arg argument;
        memset(&argument, 0, sizeof argument);
        argument.sigmask_sz = _NSIG / 8;
        argument.ts = timeout < 0 ? 0 : (uint64_t)(uintptr_t)&limit;
        result = enter(ring, count, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof argument);
    }
    unsigned ready = io_uring_cq_ready(&ring->ring);
    if (result < 0 && ready == 0 && result != -ETIME) return result;
    return (int)ready;
}

void host_ring_completion(struct host_ring *ring, unsigned index, struct host_completion *completion) {
    struct io_uring_cq *queue = &ring->ring.cq;
    const struct io_uring_cqe *entry = &queue->cqes[(*queue->khead + index) & queue->ring_mask];
    completion->token = entry->user_data;
    completion->result = entry->res;
    completion->flags = entry->flags;
}

void host_ring_consumed(struct host_ring *ring, unsigned count) { io_uring_cq_advance(&ring->ring, count); }

// ---- Preparing

// Hands over what is prepared, for want of room.
static int submit(struct host_ring *ring) {
    int result = enter(ring, publish(&ring->ring), 0, 0, NULL, _NSIG / 8);
    return result < 0 ? result : 0;
}

static struct io_uring_sqe *entry(struct host_ring *ring) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (!entry && submit(ring) >= 0) entry = io_uring_get_sqe(&ring->ring);
    return entry;
}

int host_ring_poll(struct host_ring *ring, int fd, uint32_t events, int multishot, uint64_t token) {
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    io_uring_prep_poll_add(sqe, fd, events);
    if (multishot) sqe->len = IORING_POLL_ADD_MULTI;
    sqe->user_data = token;
    return 0;
}

int host_ring_receive(
    struct host_ring *ring, int fd, unsigned count, int multishot, unsigned total, uint64_t token) {
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    io_uring_prep_recv(sqe, fd, NULL, count, 0);
    if (multishot) sqe->ioprio |= IORING_RECV_MULTISHOT;
    if (total) SQE_RECEIVE_TOTAL(sqe) = total;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    sqe->user_data = token;
    return 0;
}

int host_ring_send(struct host_ring *ring, int fd, const void *bytes, unsigned count, int more, uint64_t token) {
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    io_uring_prep_send(sqe, fd, bytes, count, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    sqe->user_data = token;
    return 0;
}

int host_ring_sendv(
    struct host_ring *ring, int fd, const struct iovec *vectors, unsigned count, int more, uint64_t token) {
    if (count > HOST_RING_VECTORS) count = HOST_RING_VECTORS;
    if (ring->messages_used == TRANSIENTS && (submit(ring) < 0 || ring->messages_used == TRANSIENTS)) return -EBUSY;
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    struct transient_message *message = &ring->messages[ring->messages_used++];
    memset(&message->head, 0, sizeof message->head);
    memcpy(message->vectors, vectors, count * sizeof *vectors);
    message->head.msg_iov = message->vectors;
    message->head.msg_iovlen = count;
    io_uring_prep_sendmsg(sqe, fd, &message->head, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    sqe->user_data = token;
    return 0;
}

int host_ring_accept(struct host_ring *ring, int fd, struct sockaddr *address, socklen_t *size, uint64_t token) {
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    io_uring_prep_accept(sqe, fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    sqe->user_data = token;
    return 0;
}

int host_ring_connect(
    struct host_ring *ring, int fd, const struct sockaddr *address, socklen_t size, uint64_t token) {
    if (size > sizeof(struct sockaddr_storage)) return -EINVAL;
    if (ring->addresses_used == TRANSIENTS && (submit(ring) < 0 || ring->addresses_used == TRANSIENTS))
        return -EBUSY;
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    struct sockaddr_storage *kept = &ring->addresses[ring->addresses_used++];
    memcpy(kept, address, size);
    io_uring_prep_connect(sqe, fd, (struct sockaddr *)kept, size);
    sqe->user_data = token;
    return 0;
}

int host_ring_disconnect(struct host_ring *ring, int fd, uint64_t token) {
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    return host_ring_connect(ring, fd, &nobody, sizeof nobody, token);
}

int host_ring_set_option(struct host_ring *ring, int fd, int level, int name, int value, uint64_t token) {
    if (ring->values_used == TRANSIENTS && (submit(ring) < 0 || ring->values_used == TRANSIENTS)) return -EBUSY;
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    int *kept = &ring->values[ring->values_used++];
    *kept = value;
    io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
    sqe->cmd_op = SOCKET_COMMAND_SET_OPTION;
    uint32_t option[2] = {(uint32_t)level, (uint32_t)name};
    memcpy(&sqe->addr, option, sizeof option);
    sqe->file_index = sizeof *kept;
    sqe->addr3 = (uint64_t)(uintptr_t)kept;
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = token;
    return 0;
}

int host_ring_cancel(struct host_ring *ring, uint64_t target, uint64_t token) {
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    io_uring_prep_cancel64(sqe, target, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = token;
    return 0;
}

int host_ring_close_descriptor(struct host_ring *ring, int fd, uint64_t token) {
    struct io_uring_sqe *sqe = entry(ring);
    if (!sqe) return -EBUSY;
    io_uring_prep_close(sqe, fd);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = token;
    return 0;
}

#else

int host_ring_open(unsigned entries, unsigned completions, unsigned buffers, struct host_ring **made) {
    (void)entries, (void)completions, (void)buffers, (void)made;
    return -ENOSYS;
}
void host_ring_close(struct host_ring *ring) { (void)ring; }
int host_ring_enable(struct host_ring *ring) { return (void)ring, -ENOSYS; }
void host_ring_give(struct host_ring *ring, void *bytes, unsigned count, uint16_t number) {
    (void)ring, (void)bytes, (void)count, (void)number;
}
int host_ring_enter(struct host_ring *ring, int timeout) { return (void)ring, (void)timeout, -ENOSYS; }
void host_ring_completion(struct host_ring *ring, unsigned index, struct host_completion *completion) {
    (void)ring, (void)index, (void)completion;
}
void host_ring_consumed(struct host_ring *ring, unsigned count) { (void)ring, (void)count; }
int host_ring_poll(struct host_ring *ring, int fd, uint32_t events, int multishot, uint64_t token) {
    return (void)ring, (void)fd, (void)events, (void)multishot, (void)token, -ENOSYS;
}
int host_ring_receive(
    struct host_ring *ring, int fd, unsigned count, int multishot, unsigned total, uint64_t token) {
    return (void)ring, (void)fd, (void)count, (void)multishot, (void)total, (void)token, -ENOSYS;
}
int host_ring_set_option(struct host_ring *ring, int fd, int level, int name, int value, uint64_t token) {
    return (void)ring, (void)fd, (void)level, (void)name, (void)value, (void)token, -ENOSYS;
}
int host_ring_send(struct host_ring *ring, int fd, const void *bytes, unsigned count, int more, uint64_t token) {
    return (void)ring, (void)fd, (void)bytes, (void)count, (void)more, (void)token, -ENOSYS;
}
int host_ring_sendv(
    struct host_ring *ring, int fd, const struct iovec *vectors, unsigned count, int more, uint64_t token) {
    return (void)ring, (void)fd, (void)vectors, (void)count, (void)more, (void)token, -ENOSYS;
}
int host_ring_accept(struct host_ring *ring, int fd, struct sockaddr *address, socklen_t *size, uint64_t token) {
    return (void)ring, (void)fd, (void)address, (void)size, (void)token, -ENOSYS;
}
int host_ring_connect(
    struct host_ring *ring, int fd, const struct sockaddr *address, socklen_t size, uint64_t token) {
    return (void)ring, (void)fd, (void)address, (void)size, (void)token, -ENOSYS;
}
int host_ring_disconnect(struct host_ring *ring, int fd, uint64_t token) {
    return (void)ring, (void)fd, (void)token, -ENOSYS;
}
int host_ring_cancel(struct host_ring *ring, uint64_t target, uint64_t token) {
    return (void)ring, (void)target, (void)token, -ENOSYS;
}
int host_ring_close_descriptor(struct host_ring *ring, int fd, uint64_t token) {
    return (void)ring, (void)fd, (void)token, -ENOSYS;
}

#endif

#ifdef RINGS_ARE_NOT_INSTRUMENTED
#pragma clang attribute pop
#endif
