#ifndef MARTLET_PROCESSORCOUNT_H
#define MARTLET_PROCESSORCOUNT_H

/// How many processors this process may run on: 1 at least.
int host_processor_count(void);

#endif
