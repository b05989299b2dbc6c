import Base
import CPlatform
import Glibc

/// What the two ends of a pipe share: pages of bytes, as Linux keeps them, since a page that is partly read still takes
/// its place. Source: pipe(7).
final class PipeBuffer {
    static let pageBytes = 4096

    struct Page {
        var bytes: [UInt8]
        var first = 0
        /// More may be written behind it. What was spliced in is not ours to write to.
        var mayGrow = true

        var count: Int { bytes.count - first }
    }

    var pages: [Page] = []
    var slots = 16
    weak var reader: SimPipeEnd?
    weak var writer: SimPipeEnd?
    var hasReader = true
    var hasWriter = true

    var isFull: Bool { pages.count >= slots }
    var count: Int { pages.reduce(0) { $0 + $1.count } }

    /// Takes up to `limit` bytes out.
    func take(_ limit: Int) -> [UInt8] {
        var taken: [UInt8] = []
        while taken.count < limit, !pages.isEmpty {
            let part = min(limit - taken.count, pages[0].count)
            taken.append(contentsOf: pages[0].bytes[pages[0].first..<pages[0].first + part])
            pages[0].first += part
            if pages[0].count == 0 { pages.removeFirst() }
        }
        return taken
    }
}

/// One end of a pipe.
// SAFETY: buffers are the caller's, valid for the counts that they carry (see `Kernel`); what is copied lies within
// both ends.
final class SimPipeEnd: SimFile {
    let pipe: PipeBuffer
    let writes: Bool

    init(_ machine: SimMachine, _ pipe: PipeBuffer, writes: Bool) {
        self.pipe = pipe
        self.writes = writes
        super.init(machine)
        if writes { pipe.writer = self } else { pipe.reader = self }
    }

    override var kind: String { "pipe" }

    override func poll() -> UInt32 {
        if writes { return (pipe.isFull ? 0 : Mask.output) | (pipe.hasReader ? 0 : Mask.error) }
        return (pipe.pages.isEmpty ? 0 : Mask.input) | (pipe.hasWriter ? 0 : Mask.hangup)
    }

    override func read(_ buffer: UnsafeMutableRawBufferPointer, _ call: SimRead) -> Int {
        if call.isReceive { return -Int(ENOTSOCK) }
        if writes { return -Int(EBADF) }
        if buffer.count == 0 { return 0 }
        if pipe.pages.isEmpty { return pipe.hasWriter ? -Int(EAGAIN) : 0 }
        let bytes = take(buffer.count)
        // SAFETY: as many bytes as the buffer takes at most.
        unsafe bytes.withUnsafeBytes { unsafe buffer.copyMemory(from: $0) }
        return bytes.count
    }

    /// Takes bytes out. A reader tells the writer when the pipe was full, `splice` whenever a page has become free.
    func take(_ limit: Int, isSplice: Bool = false) -> [UInt8] {
        let pagesBefore = pipe.pages.count
        let mayTell = isSplice || pipe.isFull
        let bytes = pipe.take(limit)
        if mayTell && pipe.pages.count < pagesBefore { pipe.writer?.wake(Mask.output) }
        return bytes
    }

    override func write(_ bytes: UnsafeRawBufferPointer, _ call: SimWrite) -> Int {
        if !writes { return -Int(EBADF) }
        if bytes.count == 0 { return 0 }
        if !pipe.hasReader { return -Int(EPIPE) }
        var written = 0
        let odd = bytes.count % PipeBuffer.pageBytes
        if odd > 0, let last = pipe.pages.last, last.mayGrow, last.bytes.count + odd <= PipeBuffer.pageBytes {
            unsafe pipe.pages[pipe.pages.count - 1].bytes.append(contentsOf: bytes[0..<odd])
            written = odd
        }
        while written < bytes.count && !pipe.isFull {
            let part = min(PipeBuffer.pageBytes, bytes.count - written)
            pipe.pages.append(PipeBuffer.Page(bytes: unsafe [UInt8](bytes[written..<written + part])))
            written += part
        }
        // Linux tells the reader's pollers even of a write that found no room.
        pipe.reader?.wake(Mask.input)
        return written == 0 ? -Int(EAGAIN) : written
    }

    /// Puts bytes in that were spliced from elsewhere.
    func splice(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            // What comes from a socket takes a place for each piece of its own memory, up to 32 KiB long.
            let end = min(bytes.count, start + 8 * PipeBuffer.pageBytes)
            pipe.pages.append(PipeBuffer.Page(bytes: Array(bytes[start..<end]), mayGrow: false))
            start = end
        }
        if !bytes.isEmpty { pipe.reader?.wake(Mask.input) }
    }

    /// Bytes that `splice` has room for.
    var room: Int { max(0, pipe.slots - pipe.pages.count) * PipeBuffer.pageBytes }

    override func released() {
        if writes { pipe.hasWriter = false } else { pipe.hasReader = false }
        (writes ? pipe.reader : pipe.writer)?.wake(Mask.any, all: true)
        forgetWaiters()
    }
}

/// A counter of events. Source: eventfd(2).
final class SimEventCounter: SimFile {
    private var count: UInt64 = 0

    override var kind: String { "eventfd" }

    override func poll() -> UInt32 {
        (count > 0 ? Mask.input : 0) | (count < UInt64.max - 1 ? Mask.output : 0)
    }

    override func read(_ buffer: UnsafeMutableRawBufferPointer, _ call: SimRead) -> Int {
        if call.isReceive { return -Int(ENOTSOCK) }
        if buffer.count < 8 { return -Int(EINVAL) }
        if count == 0 { return -Int(EAGAIN) }
        // SAFETY: eight bytes are there.
        unsafe buffer.storeBytes(of: count, as: UInt64.self)
        count = 0
        wake(Mask.output)
        return 8
    }

    override func write(_ bytes: UnsafeRawBufferPointer, _ call: SimWrite) -> Int {
        if bytes.count < 8 { return -Int(EINVAL) }
        // SAFETY: eight bytes are there.
        let more = unsafe bytes.loadUnaligned(as: UInt64.self)
        if more == .max { return -Int(EINVAL) }
        if more > UInt64.max - 1 - count { return -Int(EAGAIN) }
        count += more
        wake(Mask.input)
        return 8
    }

    override func released() { forgetWaiters() }
}

/// An open file of the simulation's file system, in memory.
final class SimOpenFile: SimFile {
    private let inode: SimInode
    private let flags: Int32
    private var position = 0

    init(_ machine: SimMachine, _ inode: SimInode, _ flags: Int32) {
        self.inode = inode
        self.flags = flags
        super.init(machine)
    }

    override var kind: String { "file" }
    override func poll() -> UInt32 { Mask.input | Mask.output }

    override func read(_ buffer: UnsafeMutableRawBufferPointer, _ call: SimRead) -> Int {
        if call.isReceive { return -Int(ENOTSOCK) }
        if flags & O_ACCMODE == O_WRONLY { return -Int(EBADF) }
        let length = max(0, min(buffer.count, inode.bytes.count - position))
        // SAFETY: the part copied lies within both.
        unsafe inode.bytes.withUnsafeBytes {
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + length]))
        }
        position += length
        return length
    }

    override func write(_ bytes: UnsafeRawBufferPointer, _ call: SimWrite) -> Int {
        if flags & O_ACCMODE == O_RDONLY { return -Int(EBADF) }
        if flags & O_APPEND != 0 { position = inode.bytes.count }
        let end = min(position + bytes.count, inode.bytes.count)
        unsafe inode.bytes.replaceSubrange(position..<end, with: bytes)
        position += bytes.count
        return bytes.count
    }

    override func released() { forgetWaiters() }
}
