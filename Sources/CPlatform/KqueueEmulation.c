// kqueue's calls on epoll, so that the kqueue poller is compiled and run on Linux too: filters for reading, writing and
// user events; EV_ADD, EV_DELETE, EV_CLEAR, EV_RECEIPT; EV_EOF and EV_ERROR in what it returns. Only for tests.
//
// One registration in epoll stands for both filters of a descriptor. It is edge-triggered if all its filters have
// EV_CLEAR. Closing a descriptor drops its filters, as in kqueue: epoll does that, and a serial number in the token
// keeps what was still reported of it from reaching the filters of its successor.
#include "CPlatform.h"

#if !__has_include(<sys/event.h>)

#include <pthread.h>
#include <stdlib.h>

enum { FILTER_READ = 1, FILTER_WRITE = 2 };
enum { QUEUES = 1 << 16, BATCH = 256 };

struct note {
    uint8_t filters, clear, registered;
    uint32_t serial;
    void *data[2];
};

struct queue {
    int epoll, user;
    pthread_mutex_t lock;
    struct note *notes;
    size_t noteCount;
    uint32_t serial;
    int userAdded;
    void *userData;
    struct kevent pending[2 * BATCH];
    int pendingFirst, pendingCount;
};

static pthread_mutex_t registryLock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *registry[QUEUES];

static struct queue *find(int number) {
    if (number < 0 || number >= QUEUES)
        return NULL;
    pthread_mutex_lock(&registryLock);
    struct queue *queue = registry[number];
    pthread_mutex_unlock(&registryLock);
    return queue;
}

int kqueue(void) {
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        errno = ENOMEM;
        return -1;
    }
    queue->epoll = epoll_create1(EPOLL_CLOEXEC);
    queue->user = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->epoll < 0 || queue->user < 0 || queue->epoll >= QUEUES) {
        int error = errno ? errno : EMFILE;
        if (queue->epoll >= 0)
            close(queue->epoll);
        if (queue->user >= 0)
            close(queue->user);
        free(queue);
        errno = error;
        return -1;
    }
    pthread_mutex_init(&queue->lock, NULL);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = UINT64_MAX}};
    epoll_ctl(queue->epoll, EPOLL_CTL_ADD, queue->user, &event);
    pthread_mutex_lock(&registryLock);
    registry[queue->epoll] = queue;
    pthread_mutex_unlock(&registryLock);
    return queue->epoll;
}

int kqueue_close(int number) {
    struct queue *queue = find(number);
    if (!queue) {
        errno = EBADF;
        return -1;
    }
    pthread_mutex_lock(&registryLock);
    registry[number] = NULL;
    pthread_mutex_unlock(&registryLock);
    close(queue->user);
    close(queue->epoll);
    pthread_mutex_destroy(&queue->lock);
    free(queue->notes);
    free(queue);
    return 0;
}

static struct note *noteFor(struct queue *queue, uintptr_t ident) {
    if (ident >= queue->noteCount) {
        size_t count = queue->noteCount ? queue->noteCount : 64;
        while (count <= ident)
            count *= 2;
        struct note *notes = realloc(queue->notes, count * sizeof *notes);
        if (!notes)
            return NULL;
        memset(notes + queue->noteCount, 0, (count - queue->noteCount) * sizeof *notes);
        queue->notes = notes;
        queue->noteCount = count;
    }
    return &queue->notes[ident];
}

static int registerNote(struct queue *queue, int fd, struct note *note, int operation) {
    struct epoll_event event = {.events = 0, .data = {.u64 = (uint64_t)note->serial << 32 | (uint32_t)fd}};
    if (note->filters & FILTER_READ)
        event.events |= EPOLLIN | EPOLLRDHUP;
    if (note->filters & FILTER_WRITE)
        event.events |= EPOLLOUT;
    if (note->clear == note->filters)
        event.events |= EPOLLET;
    return epoll_ctl(queue->epoll, operation, fd, &event) < 0 ? errno : 0;
}

static int addFilter(struct queue *queue, const struct kevent *change, int bit) {
    struct note *note = noteFor(queue, change->ident);
    if (!note)
        return ENOMEM;
    int fd = (int)change->ident;
    struct note before = *note;
    note->filters |= bit;
    note->clear = (change->flags & EV_CLEAR) ? note->clear | bit : note->clear & ~bit;
    note->data[bit - 1] = change->udata;
    int error = note->registered ? registerNote(queue, fd, note, EPOLL_CTL_MOD) : ENOENT;
    if (error == ENOENT) {
        // New, or the successor of a closed descriptor: nothing of the old one remains.
        note->filters = bit;
        note->clear &= bit;
        note->serial = ++queue->serial;
        error = registerNote(queue, fd, note, EPOLL_CTL_ADD);
    }
    if (error)
        *note = before;
    else
        note->registered = 1;
    return error;
}

static int deleteFilter(struct queue *queue, const struct kevent *change, int bit) {
    struct note *note = noteFor(queue, change->ident);
    if (!note || !note->registered || !(note->filters & bit))
        return ENOENT;
    int fd = (int)change->ident;
    note->filters &= ~bit;
    note->clear &= ~bit;
    int error;
    if (note->filters) {
        error = registerNote(queue, fd, note, EPOLL_CTL_MOD);
    } else {
        error = epoll_ctl(queue->epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? errno : 0;
        note->registered = 0;
    }
    if (error) {
        memset(note, 0, sizeof *note);
        error = ENOENT;
    }
    return error;
}

static int applyUser(struct queue *queue, const struct kevent *change) {
    if (change->flags & EV_ADD) {
        queue->userAdded = 1;
        queue->userData = change->udata;
    }
    if (!queue->userAdded)
        return ENOENT;
    if (change->flags & EV_DELETE)
        queue->userAdded = 0;
    if (change->fflags & NOTE_TRIGGER) {
        uint64_t one = 1;
        if (write(queue->user, &one, sizeof one) < 0 && errno != EAGAIN)
            return errno;
    }
    return 0;
}

static int apply(struct queue *queue, const struct kevent *change) {
    if (change->filter == EVFILT_USER)
        return applyUser(queue, change);
    if (change->filter != EVFILT_READ && change->filter != EVFILT_WRITE)
        return EINVAL;
    if (change->ident > INT32_MAX || fcntl((int)change->ident, F_GETFD) < 0)
        return EBADF;
    int bit = change->filter == EVFILT_READ ? FILTER_READ : FILTER_WRITE;
    return change->flags & EV_DELETE ? deleteFilter(queue, change, bit) : addFilter(queue, change, bit);
}

// Puts one report of epoll among the pending events, as one event for each filter that it concerns.
static void translate(struct queue *queue, const struct epoll_event *event) {
    struct kevent *pending = queue->pending;
    if (event->data.u64 == UINT64_MAX) {
        uint64_t count;
        if (read(queue->user, &count, sizeof count) > 0 && queue->userAdded) {
            EV_SET(&pending[queue->pendingCount], 0, EVFILT_USER, 0, 0, count, queue->userData);
            queue->pendingCount++;
        }
        return;
    }
    uint32_t fd = (uint32_t)event->data.u64;
    if (fd >= queue->noteCount || queue->notes[fd].serial != (uint32_t)(event->data.u64 >> 32))
        return;
    struct note *note = &queue->notes[fd];
    uint32_t reported = event->events;
    int error = 0;
    if (reported & EPOLLERR) {
        // kqueue hands the error over in fflags; this emulation leaves it in the socket for SO_ERROR.
        error = 1;
    }
    if ((note->filters & FILTER_READ) && reported & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        int end = reported & (EPOLLRDHUP | EPOLLHUP) || error;
        EV_SET(&pending[queue->pendingCount], fd, EVFILT_READ, end ? EV_EOF : 0, error, 0, note->data[0]);
        queue->pendingCount++;
    }
    if ((note->filters & FILTER_WRITE) && reported & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        int end = (reported & EPOLLHUP) || error;
        EV_SET(&pending[queue->pendingCount], fd, EVFILT_WRITE, end ? EV_EOF : 0, error, 0, note->data[1]);
        queue->pendingCount++;
    }
}

static int takePending(struct queue *queue, struct kevent *events, int room) {
    int taken = 0;
    while (taken < room && queue->pendingFirst < queue->pendingCount)
        events[taken++] = queue->pending[queue->pendingFirst++];
    if (queue->pendingFirst == queue->pendingCount)
        queue->pendingFirst = queue->pendingCount = 0;
    return taken;
}

int kevent(int number, const struct kevent *changes, int changeCount, struct kevent *events, int eventCount,
           const struct timespec *timeout) {
    struct queue *queue = find(number);
    if (!queue) {
        errno = EBADF;
        return -1;
    }
    int count = 0;
    pthread_mutex_lock(&queue->lock);
    for (int index = 0; index < changeCount; index++) {
        struct kevent change = changes[index];
        int error = apply(queue, &change);
        if (!error && !(change.flags & EV_RECEIPT))
            continue;
        if (count >= eventCount) {
            pthread_mutex_unlock(&queue->lock);
            errno = error;
            return error ? -1 : count;
        }
        change.flags = EV_ERROR;
        change.data = error;
        events[count++] = change;
    }
    int taken = eventCount > count ? takePending(queue, events + count, eventCount - count) : 0;
    pthread_mutex_unlock(&queue->lock);
    count += taken;
    if (count > 0 || eventCount == 0)
        return count;
    struct epoll_event reports[BATCH];
    int milliseconds = timeout ? (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000) : -1;
    int found = epoll_wait(queue->epoll, reports, eventCount < BATCH ? eventCount : BATCH, milliseconds);
    if (found <= 0)
        return found;
    pthread_mutex_lock(&queue->lock);
    for (int index = 0; index < found; index++)
        translate(queue, &reports[index]);
    count = takePending(queue, events, eventCount);
    pthread_mutex_unlock(&queue->lock);
    return count;
}

#endif
