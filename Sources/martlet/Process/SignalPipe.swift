import Base
import CPlatform
import Glibc
import Synchronization

/// Where the handler writes; -1 while there is no pipe.
private let signalPipeWriteEnd = Atomic<Int32>(-1)

/// The only thing that happens in a signal handler: one byte into a pipe. May interrupt any thread anywhere.
private func noteSignal(_ number: Int32) {
    let saved = errno
    var byte = UInt8(truncatingIfNeeded: number)
    // SAFETY: one byte of the handler's own stack; write is async-signal-safe. A full pipe loses the byte: the signals
    // that fill it are still to be read.
    _ = unsafe write(signalPipeWriteEnd.load(ordering: .relaxed), &byte, 1)
    errno = saved
}

/// Turns signals into bytes of a descriptor that an event loop can read. One per process.
final class SignalPipe {
    /// Non-blocking; the owner of the loop that reads it closes nothing: it lives as long as the process.
    let readEnd: Int32
    private let caught: [Int32]

    /// - Parameter signals: those to catch. One that was ignored when the process was started and that comes from a
    ///   terminal (`SIGINT`) stays ignored: the shell started us in the background.
    init(catching signals: [Int32]) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: two descriptors fit into the array, which is lent for the length of the call.
        let result = unsafe ends.withUnsafeMutableBufferPointer { unsafe host_pipe($0.baseAddress) }
        if let error = SystemError(result: result) { throw error }
        readEnd = ends[0]
        signalPipeWriteEnd.store(ends[1], ordering: .releasing)
        caught = signals.filter { $0 != SIGINT || !SignalPipe.isIgnored($0) }
        for number in caught { SignalPipe.handle(number) }
        // Writing to a closed connection is an error of the call, nothing more.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// The numbers that arrived since the last call, in order; at most 64 per call, empty when there is none.
    func take() -> [Int32] {
        var buffer = [UInt8](repeating: 0, count: 64)
        // SAFETY: the buffer is lent for the length of the call, and its count is passed.
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe host_read(readEnd, bytes.baseAddress, bytes.count)
        }
        guard count > 0 else { return [] }
        return buffer[..<count].map { Int32($0) }
    }

    /// In a child that makes a pipe of its own: undoes what the parent set up.
    func abandon() {
        for number in caught { _ = signal(number, SIG_DFL) }
        _ = host_close(signalPipeWriteEnd.exchange(-1, ordering: .acquiringAndReleasing))
        _ = host_close(readEnd)
    }

    private static func handle(_ number: Int32) {
        var action = sigaction()
        // SAFETY: the struct is ours; the handler is a C function that does only what a handler may.
        unsafe action.__sigaction_handler.sa_handler = noteSignal
        unsafe sigemptyset(&action.sa_mask)
        action.sa_flags = SA_RESTART
        unsafe sigaction(number, &action, nil)
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        // SAFETY: the struct is ours; a disposition is compared as the address that it is.
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
        return unsafe handler == unsafeBitCast(SIG_IGN, to: UInt.self)
    }
}
