#define _GNU_SOURCE
#include "CInterleave.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void *il_stack_map(size_t size_bytes) {
    size_t page = page_size();
    char *memory = mmap(NULL, size_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    // Stacks grow down: what overflows hits this page.
    if (mprotect(memory, page, PROT_NONE) != 0) {
        munmap(memory, size_bytes + page);
        return NULL;
    }
    return memory + page;
}

void il_stack_unmap(void *stack, size_t size_bytes) {
    size_t page = page_size();
    munmap((char *)stack - page, size_bytes + page);
}

#if defined(__linux__)
// AddressSanitizer's, where it is linked in. A fibre is left for good in the middle of its functions, so the marks that
// these have put around their variables are taken away before the stack is used again.
extern void __asan_unpoison_memory_region(const volatile void *, size_t) __attribute__((weak));

static void forget(void *stack, size_t size_bytes) {
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(stack, size_bytes);
}
#else
static void forget(void *stack, size_t size_bytes) {
    (void)stack;
    (void)size_bytes;
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
// In Switch.S.
extern void il_fibre_begin(void);

void *il_fibre_prepare(void *stack, size_t size_bytes, void (*entry)(void *), void *argument) {
    forget(stack, size_bytes);
    uintptr_t top = ((uintptr_t)stack + size_bytes) & ~(uintptr_t)63;
#if defined(__x86_64__)
    // As `il_fibre_switch` leaves it: r15 r14 r13 r12 rbx rbp, and the address to return to.
    void **frame = (void **)(top - 64);
    memset(frame, 0, 64);
    frame[2] = (void *)entry;
    frame[3] = argument;
    frame[6] = (void *)il_fibre_begin;
#else
    // x19...x30, then d8...d15.
    void **frame = (void **)(top - 192);
    memset(frame, 0, 160);
    frame[0] = (void *)entry;
    frame[1] = argument;
    frame[11] = (void *)il_fibre_begin;
#endif
    return frame;
}
#else
void *il_fibre_prepare(void *stack, size_t size_bytes, void (*entry)(void *), void *argument) {
    return il_portable_prepare(stack, size_bytes, entry, argument);
}

void il_fibre_switch(void **from, void *to) { il_portable_switch(from, to); }
#endif

struct beginning {
    ucontext_t context;
    void (*entry)(void *);
    void *argument;
};

// makecontext passes ints only, so the address comes in two halves.
static void portable_begin(unsigned high, unsigned low) {
    struct beginning *beginning = (struct beginning *)((uintptr_t)high << 16 << 16 | (uintptr_t)low);
    beginning->entry(beginning->argument);
}

void *il_portable_prepare(void *stack, size_t size_bytes, void (*entry)(void *), void *argument) {
    forget(stack, size_bytes);
    uintptr_t address = ((uintptr_t)stack + size_bytes - sizeof(struct beginning)) & ~(uintptr_t)63;
    struct beginning *beginning = (struct beginning *)address;
    getcontext(&beginning->context);
    beginning->entry = entry;
    beginning->argument = argument;
    beginning->context.uc_stack.ss_sp = stack;
    beginning->context.uc_stack.ss_size = address - (uintptr_t)stack;
    beginning->context.uc_link = NULL;
    makecontext(
        &beginning->context, (void (*)(void))portable_begin, 2, (unsigned)((uintptr_t)beginning >> 16 >> 16),
        (unsigned)(uintptr_t)beginning);
    return &beginning->context;
}

void il_portable_switch(void **from, void *to) {
    // On the stack that is being left: it stays as it is until somebody switches back.
    ucontext_t mine;
    *from = &mine;
    swapcontext(&mine, (ucontext_t *)to);
}

// Asked for at every access, so not through a call of the dynamic linker.
static _Thread_local __attribute__((tls_model("initial-exec"))) void *current;

void *il_current(void) { return current; }

#if defined(__linux__)
// LeakSanitizer's. What the fibres of a failed run hold is never given back.
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));
#endif

void il_set_current(void *explorer) {
#if defined(__linux__)
    if (__lsan_disable && __lsan_enable && (current == NULL) != (explorer == NULL)) {
        explorer != NULL ? __lsan_disable() : __lsan_enable();
    }
#endif
    current = explorer;
}

static void (*on_trap)(void *, int32_t);

static void trap(int signal_number) {
    if (current != NULL) on_trap(current, signal_number);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = trap;
    // The handler is left by switching stacks, so nothing would unblock the signal again.
    action.sa_flags = SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
}

void il_catch_traps(void (*trapped)(void *, int32_t)) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    on_trap = trapped;
    pthread_once(&once, install);
}
