import CPlatform
import Glibc

/// POSIX threads, for `HostKernel`.
enum HostThreads {
    /// What a new thread gets.
    private final class Beginning: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// Signals stay with the calling thread: the new one inherits a mask that lets none through.
    static func start(_ name: String, _ thread: inout KernelThread, _ body: @escaping @Sendable () -> Void) -> Int32 {
        var all = sigset_t()
        var before = sigset_t()
        // SAFETY: signal sets of locals; the new thread takes over the reference that it is passed.
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        var started = pthread_t()
        let context = unsafe Unmanaged.passRetained(Beginning(body)).toOpaque()
        let failure = unsafe pthread_create(
            &started, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Beginning>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, context)
        guard failure == 0 else {
            // SAFETY: no thread has taken it over.
            unsafe Unmanaged<Beginning>.fromOpaque(context).release()
            return -failure
        }
        thread = KernelThread(identity: started)
        return 0
    }

    static func join(_ thread: KernelThread) {
        _ = pthread_join(thread.identity, nil)
    }
}
