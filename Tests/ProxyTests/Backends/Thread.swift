import Glibc
import Testing

/// A thread of a test.
// SAFETY: Sendable because the body runs once, on the new thread, and the caller joins it.
final class Thread: @unchecked Sendable {
    private let body: () -> Void
    private var thread = pthread_t()

    init(_ body: @escaping () -> Void) throws {
        self.body = body
        // SAFETY: the new thread takes the reference over.
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let failure = unsafe pthread_create(
            &thread, nil,
            { context in
                unsafe Unmanaged<Thread>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, context)
        try #require(failure == 0)
    }

    func join() { pthread_join(thread, nil) }
}
