import Base
import CPlatform
import Glibc

/// io_uring as the running kernel has it, through liburing.
// SAFETY: `ring` is the library's object from `init` until `close`; after that it is nil and every call fails. Every
// method passes pointers on to the call of its name, whose requirements are the caller's (see `Ring`).
@safe
public final class HostRing: Ring, @unchecked Sendable {
    private var ring: OpaquePointer?

    public init(_ size: RingSize) throws(SystemError) {
        let result = unsafe host_ring_open(
            UInt32(clamping: size.entries), UInt32(clamping: size.completions), UInt32(clamping: size.buffers), &ring)
        if let error = SystemError(result: result) { throw error }
        super.init()
    }

    public override func enable() -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_enable(ring)
    }

    public override func close() {
        if let ring = unsafe ring { unsafe host_ring_close(ring) }
        unsafe ring = nil
    }

    deinit { close() }

    public override func provide(_ number: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        guard let ring = unsafe ring else { return }
        unsafe host_ring_give(ring, bytes.baseAddress, UInt32(clamping: bytes.count), UInt16(clamping: number))
    }

    public override func submitAndWait(_ timeoutMilliseconds: Int32) -> Int {
        guard let ring = unsafe ring else { return -Int(EBADF) }
        return Int(unsafe host_ring_enter(ring, timeoutMilliseconds))
    }

    public override func completion(_ index: Int) -> RingCompletion {
        guard let ring = unsafe ring else { return RingCompletion(token: .control, result: 0) }
        var raw = host_completion()
        unsafe host_ring_completion(ring, UInt32(truncatingIfNeeded: index), &raw)
        return RingCompletion(token: RingToken(bits: raw.token), result: raw.result, flags: raw.flags)
    }

    public override func consumed(_ count: Int) {
        if let ring = unsafe ring { unsafe host_ring_consumed(ring, UInt32(truncatingIfNeeded: count)) }
    }

    public override func poll(_ fd: Int32, _ events: UInt32, repeats: Bool, _ token: RingToken) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_poll(ring, fd, events, repeats ? 1 : 0, token.bits)
    }

    public override func receive(_ fd: Int32, count: Int, total: Int, _ token: RingToken) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_receive(
            ring, fd, UInt32(clamping: count), total > 0 ? 1 : 0, UInt32(clamping: total), token.bits)
    }

    public override func send(
        _ fd: Int32, _ bytes: UnsafeRawPointer, _ count: Int, more: Bool, _ token: RingToken
    ) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_send(ring, fd, bytes, UInt32(clamping: count), more ? 1 : 0, token.bits)
    }

    public override func send(
        _ fd: Int32, _ vectors: UnsafePointer<iovec>, vectorCount: Int, more: Bool, _ token: RingToken
    ) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_sendv(ring, fd, vectors, UInt32(clamping: vectorCount), more ? 1 : 0, token.bits)
    }

    public override func accept(
        _ fd: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ size: UnsafeMutablePointer<socklen_t>,
        _ token: RingToken
    ) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_accept(ring, fd, address, size, token.bits)
    }

    public override func connect(_ fd: Int32, _ address: SocketAddress, _ token: RingToken) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe address.withNative { unsafe host_ring_connect(ring, fd, $0, $1, token.bits) }
    }

    public override func disconnect(_ fd: Int32, _ token: RingToken) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_disconnect(ring, fd, token.bits)
    }

    public override func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_set_option(ring, fd, level, name, value, RingToken.control.bits)
    }

    public override func cancel(_ target: RingToken) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_cancel(ring, target.bits, RingToken.control.bits)
    }

    public override func close(descriptor: Int32) -> Int32 {
        guard let ring = unsafe ring else { return -EBADF }
        return unsafe host_ring_close_descriptor(ring, descriptor, RingToken.control.bits)
    }
}
