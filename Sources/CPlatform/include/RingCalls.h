// io_uring, by liburing's inlines: one ring of one thread, with a ring of provided buffers.
//
// Preparing writes an entry of the submission queue; nothing is a system call but opening, enabling, entering (also
// when the queue is full) and closing. Every function returns a value >= 0, or -errno. A ring is its thread's: the one
// that enables it. Sources: io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
#ifndef MARTLET_RING_CALLS_H
#define MARTLET_RING_CALLS_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct host_ring;

struct host_completion {
    uint64_t token;
    int32_t result;
    uint32_t flags;
};

// Flags of a completion: a provided buffer was used (its number is in the upper 16 bits); more completions follow.
#define HOST_RING_BUFFER 1u
#define HOST_RING_MORE 2u
#define HOST_RING_BUFFER_SHIFT 16

// Pieces that one send carries, and names of peers kept at a time until they are submitted.
#define HOST_RING_VECTORS 64

// A ring that is disabled, so that another thread may enable it, with a ring of so many buffers, a power of two.
// -ENOMEM also when the user has no more memory to lock.
int host_ring_open(unsigned entries, unsigned completions, unsigned buffers, struct host_ring **made);
void host_ring_close(struct host_ring *ring);
// Makes the calling thread the ring's. Takes no memory.
int host_ring_enable(struct host_ring *ring);
// Gives the kernel a buffer to receive into.
void host_ring_give(struct host_ring *ring, void *bytes, unsigned count, uint16_t number);

// Submits what is prepared, lets completions be posted, and waits for one: at most the given milliseconds (0: only
// looks; below 0: for ever). Returns the number of completions there are, or -EINTR and kin.
int host_ring_enter(struct host_ring *ring, int timeout);
// The first completions, of as many as `host_ring_enter` has found.
void host_ring_completion(struct host_ring *ring, unsigned index, struct host_completion *completion);
void host_ring_consumed(struct host_ring *ring, unsigned count);

int host_ring_poll(struct host_ring *ring, int fd, uint32_t events, int multishot, uint64_t token);
int host_ring_receive(
    struct host_ring *ring, int fd, unsigned count, int multishot, unsigned total, uint64_t token);
int host_ring_send(struct host_ring *ring, int fd, const void *bytes, unsigned count, int more, uint64_t token);
int host_ring_sendv(
    struct host_ring *ring, int fd, const struct iovec *vectors, unsigned count, int more, uint64_t token);
int host_ring_accept(struct host_ring *ring, int fd, struct sockaddr *address, socklen_t *size, uint64_t token);
int host_ring_connect(struct host_ring *ring, int fd, const struct sockaddr *address, socklen_t size, uint64_t token);
// Breaks a TCP connection: the peer gets a reset (connect(2), AF_UNSPEC).
int host_ring_disconnect(struct host_ring *ring, int fd, uint64_t token);
// Success is silent; failure completes with `token`.
int host_ring_set_option(struct host_ring *ring, int fd, int level, int name, int value, uint64_t token);
int host_ring_cancel(struct host_ring *ring, uint64_t target, uint64_t token);
int host_ring_close_descriptor(struct host_ring *ring, int fd, uint64_t token);

#endif
