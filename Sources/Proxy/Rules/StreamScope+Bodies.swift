import Buffers
import Glibc
import HTTP
import Samples

/// Memory for bytes that came in pieces, until the next ones are put together.
// SAFETY: allocated in `init`, freed in `deinit`; one thread uses it.
@safe
final class ByteRoom {
    private let buffer: UnsafeMutableRawBufferPointer

    init(sizeBytes: Int) { unsafe buffer = .allocate(byteCount: sizeBytes, alignment: 16) }

    deinit { unsafe buffer.deallocate() }

    @unsafe var bytes: UnsafeMutableRawBufferPointer { unsafe buffer }
}

/// Bytes that were received and not sent on: bodies, and what passes through in TCP mode.
extension ChunkChain {
    /// Pieces of a body that fetches look at.
    private static let pieceLimit = 64

    /// The content of the chain in one run of bytes: where it is, if it is one, else copied.
    ///
    /// - Parameters:
    ///   - decoder: takes the framing of chunks off; nil: there is none.
    ///   - room: for the copy; what does not fit is left out.
    @unsafe
    func contents(_ decoder: ChunkedDecoder?, copiedTo room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        // SAFETY: the vectors are used within the closure; what they point to stands as long as the chain has it.
        unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: ChunkChain.pieceLimit) { vectors in
            // SAFETY: the vectors point into chunks of this chain, which stand meanwhile.
            let count = unsafe fill(vectors)
            if count == 0 { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
            if count == 1, decoder == nil {
                return unsafe UnsafeRawBufferPointer(start: vectors[0].iov_base, count: vectors[0].iov_len)
            }
            var copy = unsafe ContentCopy(decoder, room)
            for index in 0..<count {
                unsafe copy.append(
                    UnsafeRawBufferPointer(start: vectors[index].iov_base, count: vectors[index].iov_len))
            }
            return unsafe copy.bytes
        }
    }
}

/// Puts the content of a body together, without the framing of chunks; what does not fit is left out.
// SAFETY: whoever makes it keeps the room while it is used.
@unsafe
struct ContentCopy {
    private var decoder: ChunkedDecoder?
    private let room: UnsafeMutableRawBufferPointer
    private var used = 0

    /// - Parameter decoder: takes the framing of chunks off; nil: there is none.
    init(_ decoder: ChunkedDecoder?, _ room: UnsafeMutableRawBufferPointer) {
        unsafe self.decoder = decoder
        unsafe self.room = unsafe room
    }

    /// What was put together.
    // SAFETY: so many bytes of the room were written.
    var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: room.baseAddress, count: used) }

    /// Adds the next piece of the body.
    mutating func append(_ piece: UnsafeRawBufferPointer) {
        guard unsafe decoder != nil else { return unsafe copy(piece) }
        var place = 0
        // SAFETY: the ranges lie inside of the piece.
        while place < piece.count, case .data(let range)? = unsafe decoder?.next(piece, from: place) {
            unsafe copy(UnsafeRawBufferPointer(rebasing: piece[range]))
            place = range.upperBound
        }
    }

    private mutating func copy(_ piece: UnsafeRawBufferPointer) {
        let count = unsafe min(piece.count, room.count - used)
        guard count > 0, let from = piece.baseAddress, let to = unsafe room.baseAddress else { return }
        // SAFETY: `count` bytes are there on both sides.
        unsafe (to + used).copyMemory(from: from, byteCount: count)
        unsafe used += count
    }
}
