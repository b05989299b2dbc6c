// Fibres for Interleave: a few stacks of one thread of the operating system, and a routine that goes from one to
// another. What a fibre is and when it runs is decided in Swift.
#ifndef CINTERLEAVE_H
#define CINTERLEAVE_H

#include <stddef.h>
#include <stdint.h>

/// Maps a stack of at least `size_bytes` with a page below it that traps. NULL when there is no memory. The address is
/// that of the lowest byte that may be used.
void *_Nullable il_stack_map(size_t size_bytes);
/// The other end of `il_stack_map`, with the same size.
void il_stack_unmap(void *_Nonnull stack, size_t size_bytes);

/// Prepares a stack so that the first switch to the returned context calls `entry(argument)`, which must not return.
void *_Nonnull il_fibre_prepare(
    void *_Nonnull stack, size_t size_bytes, void (*_Nonnull entry)(void *_Nullable), void *_Nullable argument);
/// Stores the context of the caller in `*from`, and goes on with the context `to`. Returns when somebody switches back.
void il_fibre_switch(void *_Nullable *_Nonnull from, void *_Nonnull to);

/// The same two over ucontext(3), for processors that the assembly does not know. Slow: they save the signal mask.
void *_Nonnull il_portable_prepare(
    void *_Nonnull stack, size_t size_bytes, void (*_Nonnull entry)(void *_Nullable), void *_Nullable argument);
void il_portable_switch(void *_Nullable *_Nonnull from, void *_Nonnull to);

/// What the calling thread of the operating system is exploring, or NULL.
void *_Nullable il_current(void);
void il_set_current(void *_Nullable explorer);

/// From now on a trap of the program (SIGILL, SIGTRAP, SIGFPE, SIGABRT) on a thread that explores calls `trapped` with
/// what `il_current` returns. It may leave by switching to another fibre; if it returns, or on any other thread, the
/// signal ends the process as ever. Once for the process; later calls do nothing.
void il_catch_traps(void (*_Nonnull trapped)(void *_Nonnull explorer, int32_t signal));

#endif
