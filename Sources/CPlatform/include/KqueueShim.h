// kqueue's names: the system's own where <sys/event.h> exists, otherwise an emulation on epoll that the tests
// run the kqueue poller against. The program does not offer kqueue where it is emulated.
#ifndef MARTLET_KQUEUE_SHIM_H
#define MARTLET_KQUEUE_SHIM_H

#if __has_include(<sys/event.h>)
#include <sys/event.h>
enum { HOST_KQUEUE_NATIVE = 1 };
#else
enum { HOST_KQUEUE_NATIVE = 0 };

struct kevent {
    uintptr_t ident;
    int16_t filter;
    uint16_t flags;
    uint32_t fflags;
    int64_t data;
    void *udata;
};

enum { EVFILT_READ = -1, EVFILT_WRITE = -2, EVFILT_USER = -10 };
enum {
    EV_ADD = 0x0001,
    EV_DELETE = 0x0002,
    EV_ENABLE = 0x0004,
    EV_DISABLE = 0x0008,
    EV_ONESHOT = 0x0010,
    EV_CLEAR = 0x0020,
    EV_RECEIPT = 0x0040,
    EV_ERROR = 0x4000,
    EV_EOF = 0x8000,
};
enum { NOTE_TRIGGER = 0x01000000 };

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                                                 \
    do {                                                                                                               \
        struct kevent *event_ = (event);                                                                               \
        event_->ident = (uintptr_t)(ident_);                                                                           \
        event_->filter = (int16_t)(filter_);                                                                           \
        event_->flags = (uint16_t)(flags_);                                                                            \
        event_->fflags = (uint32_t)(fflags_);                                                                          \
        event_->data = (int64_t)(data_);                                                                               \
        event_->udata = (void *)(udata_);                                                                              \
    } while (0)

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int changeCount, struct kevent *events, int eventCount,
           const struct timespec *timeout);
// Frees what the emulation keeps for a queue, and closes it: close(2) alone knows nothing of that.
int kqueue_close(int queue);
#endif

static const int32_t HOST_EVFILT_READ = EVFILT_READ;
static const int32_t HOST_EVFILT_WRITE = EVFILT_WRITE;
static const int32_t HOST_EVFILT_USER = EVFILT_USER;
static const uint32_t HOST_EV_ADD = EV_ADD;
static const uint32_t HOST_EV_DELETE = EV_DELETE;
static const uint32_t HOST_EV_CLEAR = EV_CLEAR;
static const uint32_t HOST_EV_RECEIPT = EV_RECEIPT;
static const uint32_t HOST_EV_ERROR = EV_ERROR;
static const uint32_t HOST_EV_EOF = EV_EOF;
static const uint32_t HOST_NOTE_TRIGGER = NOTE_TRIGGER;

static inline int host_kqueue(void) {
    int queue = kqueue();
    return queue < 0 ? -errno : queue;
}
static inline int host_kevent(int queue, const struct kevent *changes, int changeCount, struct kevent *events,
                              int eventCount, int timeoutMilliseconds) {
    struct timespec limit = {.tv_sec = timeoutMilliseconds / 1000,
                             .tv_nsec = (long)(timeoutMilliseconds % 1000) * 1000000};
    int result = kevent(queue, changes, changeCount, events, eventCount, timeoutMilliseconds < 0 ? NULL : &limit);
    return result < 0 ? -errno : result;
}
static inline int host_kqueue_close(int queue) {
#if __has_include(<sys/event.h>)
    return close(queue) < 0 ? -errno : 0;
#else
    return kqueue_close(queue) < 0 ? -errno : 0;
#endif
}
static inline struct kevent host_kevent_make(uint64_t ident, int filter, unsigned flags, unsigned fflags,
                                             uint64_t token) {
    struct kevent event;
    EV_SET(&event, ident, filter, flags, fflags, 0, (uintptr_t)token);
    return event;
}
static inline uint64_t host_kevent_token(const struct kevent *event) { return (uint64_t)(uintptr_t)event->udata; }

#endif
