import CPlatform

/// Owns one descriptor of the operating system and closes it at the end of its life.
///
/// For descriptors outside the engine's table; those in the table are closed by the table.
@frozen
public struct FileDescriptor: ~Copyable, Sendable {
    public let number: Int32

    /// Takes the ownership of an open descriptor.
    @inlinable
    public init(owning number: Int32) {
        self.number = number
    }

    deinit {
        _ = host_close(number)
    }

    /// Gives the ownership away: the caller closes.
    @inlinable
    public consuming func release() -> Int32 {
        let released = number
        discard self
        return released
    }
}
