#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "CPlatform.h"

#define RETRY(type, call)                                                                                              \
    do {                                                                                                               \
        type result_;                                                                                                  \
        do                                                                                                             \
            result_ = (call);                                                                                          \
        while (result_ < 0 && errno == EINTR);                                                                         \
        return result_ < 0 ? (type)-errno : result_;                                                                   \
    } while (0)

#ifdef POLLRDHUP
const short host_poll_rdhup = POLLRDHUP;
#else
const short host_poll_rdhup = 0;
#endif

ssize_t host_splice(int from, int to, size_t count, int more) {
#ifdef __linux__
    unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);
    RETRY(ssize_t, splice(from, NULL, to, NULL, count, flags));
#else
    (void)from, (void)to, (void)count, (void)more;
    return -ENOSYS;
#endif
}

int host_accept(int fd, struct sockaddr *address, socklen_t *size) {
    RETRY(int, accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int host_pipe(int pair[2]) { RETRY(int, pipe2(pair, O_NONBLOCK | O_CLOEXEC)); }

int host_set_pipe_size(int fd, int size) {
#ifdef F_SETPIPE_SZ
    RETRY(int, fcntl(fd, F_SETPIPE_SZ, size));
#else
    (void)fd, (void)size;
    return -ENOSYS;
#endif
}

const char *host_error_name(int code) { return strerrorname_np(code); }

const char *host_error_text(int code) { return strerrordesc_np(code); }
