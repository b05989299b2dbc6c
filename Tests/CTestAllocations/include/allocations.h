/* Counts what a thread allocates, so that a test can say that something allocates nothing. */
#ifndef MARTLET_TEST_ALLOCATIONS_H
#define MARTLET_TEST_ALLOCATIONS_H

/* Allocations of this thread since its start, or -1 where they are not counted (a sanitizer owns malloc). */
long test_allocation_count(void);

#endif
