import Base
import CPlatform
import Engine
import Glibc

/// How a wait of a peer ended without what it waited for.
enum WireEnd: Equatable {
    /// The other side has ended its stream.
    case end
    /// The connection broke.
    case reset
    /// Nothing came in time.
    case timedOut
}

/// A connection as clients and servers of a world use it: in blocking style, on a fibre, over the simulated kernel.
final class Wire {
    private let host: PeerHost
    let fd: Int32
    private(set) var isClosed = false
    private(set) var isAbandoned = false
    /// Received and not yet taken: `input[start...]`.
    private(set) var input: [UInt8] = []
    private(set) var start = 0
    private(set) var receivedBytes = 0
    /// Bytes that one receive takes, and how long to wait after it: a slow reader.
    var readPace = Pace()
    /// How long each wait may take.
    var patienceMilliseconds: UInt64
    /// Stop receiving after so many bytes in all: the peer goes away.
    var receiveLimit = Int.max

    init(_ host: PeerHost, _ fd: Int32, patienceMilliseconds: UInt64) {
        self.host = host
        self.fd = fd
        self.patienceMilliseconds = patienceMilliseconds
    }

    /// Connects; nil when it is refused, or not answered in time.
    static func connect(
        _ host: PeerHost, to address: SocketAddress, patienceMilliseconds: UInt64, receiveBytes: Int32 = 0
    ) -> Wire? {
        let fd = host.kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { return nil }
        if receiveBytes > 0 { _ = host.kernel.setOption(fd, SOL_SOCKET, SO_RCVBUF, receiveBytes) }
        let wire = Wire(host, fd, patienceMilliseconds: patienceMilliseconds)
        let result = host.kernel.connect(fd, address)
        if result == -EINPROGRESS || result == -EINTR {
            guard host.wait(fd, .write, milliseconds: patienceMilliseconds) else {
                wire.close()
                return nil
            }
            if host.kernel.getOption(fd, SOL_SOCKET, SO_ERROR) == 0 { return wire }
            wire.close()
            return nil
        }
        if result < 0 {
            wire.close()
            return nil
        }
        return wire
    }

    // MARK: Receiving

    /// Bytes received and not yet taken.
    var available: Int { input.count - start }

    /// Waits for more bytes; nil when some have come.
    func receive() -> WireEnd? {
        if isClosed { return .reset }
        if receivedBytes >= receiveLimit { return .end }
        if start > 0 && start == input.count {
            input.removeAll(keepingCapacity: true)
            start = 0
        }
        if readPace.pauseMilliseconds > 0 && receivedBytes > 0 { host.sleep(milliseconds: readPace.pauseMilliseconds) }
        let wanted = min(
            readPace.pieceBytes > 0 ? readPace.pieceBytes : Wire.receiveBytes, receiveLimit - receivedBytes)
        while true {
            let before = input.count
            input.append(contentsOf: repeatElement(0, count: wanted))
            // SAFETY: the array has `wanted` bytes from `before` on.
            let result = unsafe input.withUnsafeMutableBytes {
                unsafe host.kernel.recv(fd, $0.baseAddress! + before, wanted)
            }
            input.removeLast(wanted - max(0, result))
            if result > 0 {
                receivedBytes += result
                return nil
            }
            if result == 0 { return .end }
            if result == -Int(EINTR) { continue }
            if result != -Int(EAGAIN) { return .reset }
            if !host.wait(fd, .read, milliseconds: patienceMilliseconds) { return .timedOut }
        }
    }

    /// Takes up to `count` bytes of what has been received.
    func take(_ count: Int) -> ArraySlice<UInt8> {
        let end = min(start + count, input.count)
        defer { start = end }
        return input[start..<end]
    }

    /// A line without its end, or how the connection ended before it was whole.
    func line() -> Result<String, WireStop> {
        var searched = start
        while true {
            while searched < input.count {
                if input[searched] == 0x0A {
                    var end = searched
                    if end > start && input[end - 1] == 0x0D { end -= 1 }
                    let text = String(decoding: input[start..<end], as: UTF8.self)
                    start = searched + 1
                    return .success(text)
                }
                searched += 1
            }
            let consumed = searched - start
            if let end = receive() { return .failure(WireStop(end: end)) }
            searched = start + consumed
        }
    }

    // MARK: Sending

    /// Sends everything; nil when it is gone to the system.
    func send(_ bytes: [UInt8], pace: Pace = Pace(), upTo limit: Int = .max) -> WireEnd? {
        var place = 0
        let total = min(bytes.count, limit)
        while place < total {
            if isClosed { return .reset }
            let piece = pace.pieceBytes > 0 ? min(pace.pieceBytes, total - place) : total - place
            // SAFETY: the range is within the array.
            let result = unsafe bytes.withUnsafeBytes {
                unsafe host.kernel.send(fd, $0.baseAddress! + place, piece, more: false)
            }
            if result >= 0 {
                place += result
                if pace.pauseMilliseconds > 0 && place < total { host.sleep(milliseconds: pace.pauseMilliseconds) }
                continue
            }
            if result == -Int(EINTR) { continue }
            if result != -Int(EAGAIN) { return .reset }
            if !host.wait(fd, .write, milliseconds: patienceMilliseconds) { return .timedOut }
        }
        return nil
    }

    /// Ends the sending side.
    func finish() {
        if !isClosed { _ = host.kernel.shutdown(fd, Int32(SHUT_WR)) }
    }

    /// Ends both directions at once, so that a fibre that waits on the connection goes on; `close` follows.
    func abandon() {
        isAbandoned = true
        if !isClosed { _ = host.kernel.shutdown(fd, Int32(SHUT_RDWR)) }
    }

    /// Whether `close` asks for a reset.
    var resetsAtClose = false

    func close(reset: Bool = false) {
        if isClosed { return }
        isClosed = true
        if reset || resetsAtClose {
            var value = linger(l_onoff: 1, l_linger: 0)
            // SAFETY: the option's value lives on the stack during the call.
            unsafe withUnsafeBytes(of: &value) {
                _ = unsafe host.kernel.setOption(
                    fd, SOL_SOCKET, SO_LINGER, $0.baseAddress!, MemoryLayout<linger>.size)
            }
        }
        _ = host.kernel.close(fd)
    }

    /// Reads until the other side ends, and drops what comes.
    func drain() -> WireEnd {
        while true {
            if let end = receive() { return end }
            start = input.count
        }
    }

    private static let receiveBytes = 16384
}

/// A `WireEnd` as an error.
struct WireStop: Error {
    let end: WireEnd
}
