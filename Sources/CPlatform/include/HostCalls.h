// Thin wrappers: one function per system call, a value >= 0 or -errno. Those that need GNU extensions stand in
// HostCalls.c, because a header that turned them on would disagree with Swift's own import of the C library.
#ifndef MARTLET_HOSTCALLS_H
#define MARTLET_HOSTCALLS_H

#define HOST_RETRY(type, call)                                                                                         \
    do {                                                                                                               \
        type result_;                                                                                                  \
        do                                                                                                             \
            result_ = (call);                                                                                          \
        while (result_ < 0 && errno == EINTR);                                                                         \
        return result_ < 0 ? (type)-errno : result_;                                                                   \
    } while (0)

#define HOST_ONCE(type, call)                                                                                          \
    do {                                                                                                               \
        type result_ = (call);                                                                                         \
        return result_ < 0 ? (type)-errno : result_;                                                                   \
    } while (0)

// ---- Streams

enum { HOST_MSG_PEEK = MSG_PEEK };

static inline ssize_t host_recv(int fd, void *buffer, size_t count, int flags) {
    HOST_RETRY(ssize_t, recv(fd, buffer, count, flags));
}
static inline ssize_t host_send(int fd, const void *buffer, size_t count, int more) {
    HOST_RETRY(ssize_t, send(fd, buffer, count, MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
}
static inline ssize_t host_sendv(int fd, const struct iovec *vectors, size_t count, int more) {
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = count};
    HOST_RETRY(ssize_t, sendmsg(fd, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
}
static inline ssize_t host_recvv(int fd, const struct iovec *vectors, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = count};
    HOST_RETRY(ssize_t, recvmsg(fd, &message, 0));
}
static inline ssize_t host_read(int fd, void *buffer, size_t count) { HOST_RETRY(ssize_t, read(fd, buffer, count)); }
static inline ssize_t host_write(int fd, const void *buffer, size_t count) {
    HOST_RETRY(ssize_t, write(fd, buffer, count));
}
static inline ssize_t host_sendto(int fd, const void *buffer, size_t count, const struct sockaddr *to, socklen_t size) {
    HOST_RETRY(ssize_t, sendto(fd, buffer, count, MSG_NOSIGNAL, to, size));
}
static inline ssize_t host_recvfrom(int fd, void *buffer, size_t count, struct sockaddr *from, socklen_t *size) {
    HOST_RETRY(ssize_t, recvfrom(fd, buffer, count, 0, from, size));
}
ssize_t host_splice(int from, int to, size_t count, int more);

// ---- Sockets

static inline int host_socket(int family, int type, int protocol) {
    HOST_ONCE(int, socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}
static inline int host_socketpair(int family, int type, int pair[2]) {
    HOST_ONCE(int, socketpair(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
}
static inline int host_bind(int fd, const struct sockaddr *address, socklen_t size) {
    HOST_ONCE(int, bind(fd, address, size));
}
static inline int host_listen(int fd, int backlog) { HOST_ONCE(int, listen(fd, backlog)); }
// An interrupted connect goes on by itself: EINTR means "in progress".
static inline int host_connect(int fd, const struct sockaddr *address, socklen_t size) {
    if (connect(fd, address, size) == 0)
        return 0;
    return errno == EINTR ? -EINPROGRESS : -errno;
}
int host_accept(int fd, struct sockaddr *address, socklen_t *size);
static inline int host_shutdown(int fd, int how) { HOST_ONCE(int, shutdown(fd, how)); }
static inline int host_close(int fd) { HOST_ONCE(int, close(fd)); }
static inline int host_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    HOST_ONCE(int, setsockopt(fd, level, name, value, size));
}
static inline int host_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
    HOST_ONCE(int, getsockopt(fd, level, name, value, size));
}
static inline int host_getsockname(int fd, struct sockaddr *address, socklen_t *size) {
    HOST_ONCE(int, getsockname(fd, address, size));
}
static inline int host_getpeername(int fd, struct sockaddr *address, socklen_t *size) {
    HOST_ONCE(int, getpeername(fd, address, size));
}

// ---- Descriptors

static inline int host_set_nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted == flags)
        return 0;
    HOST_ONCE(int, fcntl(fd, F_SETFL, wanted));
}
static inline int host_set_close_on_exec(int fd, int on) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0)
        return -errno;
    HOST_ONCE(int, fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC));
}
static inline int host_is_open(int fd) { HOST_ONCE(int, fcntl(fd, F_GETFD)); }
static inline int host_dup(int fd) { HOST_ONCE(int, fcntl(fd, F_DUPFD_CLOEXEC, 0)); }
int host_pipe(int pair[2]);
int host_set_pipe_size(int fd, int size);
static inline int host_eventfd(void) {
#ifdef __linux__
    HOST_ONCE(int, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
#else
    return -ENOSYS;
#endif
}

// ---- Polling. No retry: a wait that was interrupted is over.

#ifdef __linux__
static inline int host_epoll_create(void) { HOST_ONCE(int, epoll_create1(EPOLL_CLOEXEC)); }
static inline int host_epoll_ctl(int poller, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    HOST_ONCE(int, epoll_ctl(poller, operation, fd, &event));
}
static inline int host_epoll_wait(int poller, struct epoll_event *events, int count, int timeout) {
    HOST_ONCE(int, epoll_wait(poller, events, count, timeout));
}
// The struct is packed and its data a union: it is read through functions.
static inline uint64_t host_epoll_token(const struct epoll_event *event) { return event->data.u64; }
static inline uint32_t host_epoll_events(const struct epoll_event *event) { return event->events; }
static inline struct epoll_event host_epoll_make(uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return event;
}
static const uint32_t HOST_EPOLL_IN = EPOLLIN;
static const uint32_t HOST_EPOLL_OUT = EPOLLOUT;
static const uint32_t HOST_EPOLL_ERR = EPOLLERR;
static const uint32_t HOST_EPOLL_HUP = EPOLLHUP;
static const uint32_t HOST_EPOLL_RDHUP = EPOLLRDHUP;
static const uint32_t HOST_EPOLL_EXCLUSIVE = 1u << 28;
static const uint32_t HOST_EPOLL_ET = 1u << 31;
static const int32_t HOST_EPOLL_CTL_ADD = EPOLL_CTL_ADD;
static const int32_t HOST_EPOLL_CTL_DEL = EPOLL_CTL_DEL;
static const int32_t HOST_EPOLL_CTL_MOD = EPOLL_CTL_MOD;
#endif

static inline int host_poll(struct pollfd *descriptors, uint64_t count, int timeout) {
    HOST_ONCE(int, poll(descriptors, (nfds_t)count, timeout));
}

// Sets of descriptors for select as plain words, bit n of word n/64 for descriptor n.
enum { HOST_FD_SETSIZE = FD_SETSIZE, HOST_FD_SET_WORDS = FD_SETSIZE / 64 };
_Static_assert(sizeof(fd_set) == FD_SETSIZE / 8, "select's sets are read as words");
static inline int host_select(int count, uint64_t *read, uint64_t *write, int timeout) {
    struct timeval limit = {.tv_sec = timeout / 1000, .tv_usec = (timeout % 1000) * 1000};
    HOST_ONCE(int, select(count, (fd_set *)read, (fd_set *)write, NULL, timeout < 0 ? NULL : &limit));
}

// What poll reports when the peer closed its side; 0 where the system cannot say.
extern const short host_poll_rdhup;

// The symbolic name and the message of an errno; null for an unknown number.
const char *host_error_name(int code);
const char *host_error_text(int code);

// ---- Files

static inline int host_open(const char *path, int flags, unsigned mode) {
    HOST_RETRY(int, open(path, flags | O_CLOEXEC, mode));
}
static inline int host_unlink(const char *path) { HOST_ONCE(int, unlink(path)); }
static inline int host_rename(const char *from, const char *to) { HOST_ONCE(int, rename(from, to)); }
static inline int host_chmod(const char *path, unsigned mode) { HOST_ONCE(int, chmod(path, mode)); }
static inline int host_chown(const char *path, int user, int group) {
    HOST_ONCE(int, chown(path, (uid_t)user, (gid_t)group));
}

// ---- Clocks, limits, memory

static inline uint64_t host_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static inline int64_t host_wall_microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
static inline uint64_t host_thread_cpu_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static inline void *host_map_zeroed(size_t sizeBytes) {
    void *memory = mmap(NULL, sizeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
static inline void host_unmap(void *memory, size_t sizeBytes) { munmap(memory, sizeBytes); }
// The hard and soft limits of descriptors; UINT64_MAX where there is none.
static inline uint64_t host_descriptor_limit(int hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    rlim_t value = hard ? limit.rlim_max : limit.rlim_cur;
    return value == RLIM_INFINITY ? UINT64_MAX : (uint64_t)value;
}
static inline int host_set_descriptor_limit(uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = (rlim_t)soft, .rlim_max = (rlim_t)hard};
    HOST_ONCE(int, setrlimit(RLIMIT_NOFILE, &limit));
}
static inline void host_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}
static inline void host_yield(void) { sched_yield(); }

// ---- Socket addresses: a sockaddr_storage as eight-byte words, so that Swift can hold it by value.

typedef struct {
    uint64_t words[16];
} host_address_storage;
_Static_assert(sizeof(struct sockaddr_storage) == sizeof(host_address_storage), "an address is 128 bytes");

#undef HOST_RETRY
#undef HOST_ONCE
#endif
