// System calls that Swift cannot import by itself, and thin wrappers over the others.
//
// Every wrapper returns a value >= 0, or -errno. EINTR is retried where the call did nothing yet and
// retrying is what every caller wants; never in waits, and never in close (the number is gone either way).
#ifndef MARTLET_CPLATFORM_H
#define MARTLET_CPLATFORM_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif

#include "HostCalls.h"
#include "ProcessorCount.h"
#include "KqueueShim.h"
#include "RingCalls.h"
#include "PasswordHash.h"

#endif
