import Base

/// Messages from any thread to one worker: a lock-free stack that the receiver takes as a whole and turns round, so
/// that messages of one sender arrive in their order. Putting one in allocates nothing and never waits.
// SAFETY: its reference is retained by `put`.
@safe
final class Mailbox {
    /// The newest message, an unmanaged retained reference as a number; 0 when there is none.
    private let newest: AtomicCell
    /// Messages taken from the stack and not delivered yet, oldest first. The receiver's own.
    private var oldest: Unmanaged<Message>?

    init(_ cell: AtomicCell) {
        newest = cell
    }

    /// From any thread. A message may be in one mailbox at a time.
    func put(_ message: Message) {
        // SAFETY: the reference is retained here and released by the receiver after delivery.
        let mine = unsafe Message.number(Unmanaged.passRetained(message))
        while true {
            let before = newest.load(.relaxed)
            message.previous = before
            if newest.compareExchange(before, mine, .sequential) { return }
        }
    }

    /// Whether something waits, for the last check before sleeping.
    var isEmpty: Bool { unsafe oldest == nil && newest.load(.sequential) == 0 }

    /// On the receiver: the next message, or nil.
    func take() -> Message? {
        if unsafe oldest == nil {
            var number = newest.load(.relaxed) == 0 ? 0 : newest.exchange(0, .acquireRelease)
            while number != 0 {
                // SAFETY: the number is a retained reference that `put` stored; the stack gave it to this thread
                // alone.
                let message = unsafe Message.reference(number)
                number = unsafe message._withUnsafeGuaranteedRef { reference in
                    let before = reference.previous
                    unsafe reference.next = oldest
                    return before
                }
                unsafe oldest = message
            }
        }
        guard let message = unsafe oldest?.takeRetainedValue() else { return nil }
        unsafe oldest = message.next
        unsafe message.next = nil
        return message
    }

    /// Drops what is left. On the receiver, or after its thread has ended.
    func clear() {
        while take() != nil {}
    }
}

/// What one thread sends another.
// SAFETY: its link is a retained reference of a mailbox, which alone follows it.
@safe
open class Message {
    /// The message put before it, as a number, while it is in the stack.
    final var previous: UInt64 = 0
    /// The next one to deliver, once the receiver has turned the stack round.
    final var next: Unmanaged<Message>?

    public init() {}

    /// Called on the thread of the receiving worker.
    open func deliver(on worker: Worker) {}

    static func number(_ message: Unmanaged<Message>) -> UInt64 {
        unsafe UInt64(UInt(bitPattern: message.toOpaque()))
    }

    static func reference(_ number: UInt64) -> Unmanaged<Message> {
        // SAFETY: the number comes from `number(_:)` and is not 0.
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(number)) else { preconditionFailure() }
        return unsafe Unmanaged.fromOpaque(pointer)
    }
}
