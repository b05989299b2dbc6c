import Testing

/// Real threads on real sockets, for every poller, each case for a bounded time. They run one after the other, under
/// ThreadSanitizer and AddressSanitizer too: `make stress`.
@Suite("Stress", .serialized)
struct StressTests {}
