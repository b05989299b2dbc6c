import Configuration
import HTTP
import Samples

/// What is kept of one request and response for logs and for later rules (manual, `capture`).
///
/// Memory of fixed size, made once for a stream. Thread-safety: one thread.
// SAFETY: `memory` is allocated in `init` and freed in `deinit`; slot `n` has the bytes from `offsets[n]` on.
@safe
final class CaptureStore {
    /// The section whose captures these are.
    let owner: Processing
    private let memory: UnsafeMutablePointer<UInt8>
    private var offsets: [Int] = []
    private var limits: [Int] = []
    /// Bytes kept; -1: nothing was captured.
    private var counts: [Int] = []
    let requestCount: Int
    let responseCount: Int

    init(_ owner: Processing) {
        self.owner = owner
        let captures = owner.captures
        requestCount = captures.request.count
        responseCount = captures.response.count
        let cookie = captures.cookieName == nil ? 0 : captures.cookieLengthBytes
        limits = captures.request.map(\.lengthBytes) + captures.response.map(\.lengthBytes) + [cookie, cookie]
        var total = 0
        for limit in limits {
            offsets.append(total)
            total += limit
        }
        counts = Array(repeating: -1, count: limits.count)
        unsafe memory = .allocate(capacity: max(total, 1))
    }

    deinit { unsafe memory.deallocate() }

    /// Whether a message was looked at since `reset`.
    private(set) var isFilled = false

    func reset() {
        isFilled = false
        for index in counts.indices { counts[index] = -1 }
    }

    /// The slots of the two cookies.
    var requestCookie: Int { requestCount + responseCount }
    var responseCookie: Int { requestCount + responseCount + 1 }

    /// The index of a slot; nil when it was not declared.
    func index(_ slot: Int, isResponse: Bool) -> Int? {
        guard slot >= 0, slot < (isResponse ? responseCount : requestCount) else { return nil }
        return isResponse ? requestCount + slot : slot
    }

    func keep(_ bytes: Span<UInt8>, at index: Int) {
        let count = min(bytes.count, limits[index])
        for place in 0..<count { unsafe memory[offsets[index] + place] = bytes[place] }
        counts[index] = count
    }

    /// What was captured; nil: nothing. Valid until the slot is filled again.
    @unsafe
    func value(_ index: Int) -> UnsafeRawBufferPointer? {
        guard counts[index] >= 0 else { return nil }
        return unsafe UnsafeRawBufferPointer(start: memory + offsets[index], count: counts[index])
    }

    // MARK: Messages

    /// Captures the fields and the cookie of a message that has just come.
    func capture(_ head: MessageHead, isResponse: Bool) {
        isFilled = true
        let captures = owner.captures
        let slots = isResponse ? captures.response : captures.request
        for (slot, declared) in slots.enumerated() where !declared.header.isEmpty {
            // The last of several fields counts.
            guard let field = head.lastIndex(named: declared.header.span),
                let index = index(slot, isResponse: isResponse)
            else { continue }
            keep(head.value(field), at: index)
        }
        guard let name = captures.cookieName else { return }
        captureCookie(name.span, captures.cookieIsPrefix, head, isResponse: isResponse)
    }

    private func captureCookie(_ name: Span<UInt8>, _ isPrefix: Bool, _ head: MessageHead, isResponse: Bool) {
        let header = isResponse ? KnownHeader.setCookie : KnownHeader.cookie
        var next = head.firstIndex(of: header)
        while let field = next {
            let value = head.value(field)
            var start = 0
            while start < value.count {
                while start < value.count, value[start] == 0x20 { start += 1 }
                var end = Cookies.end(value, start, isResponse: isResponse)
                let next = end + 1
                while end > start, value[end - 1] == 0x20 { end -= 1 }
                if matches(value.extracting(start..<end), name, isPrefix) {
                    keep(value.extracting(start..<end), at: isResponse ? responseCookie : requestCookie)
                    return
                }
                // Behind the first pair of a `Set-Cookie` field stand attributes.
                if isResponse { break }
                start = next
            }
            next = head.firstIndex(of: header, from: field + 1)
        }
    }

    private func matches(_ cookie: Span<UInt8>, _ name: Span<UInt8>, _ isPrefix: Bool) -> Bool {
        guard cookie.count >= name.count, cookie.extracting(0..<name.count).equals(name) else { return false }
        return isPrefix || (cookie.count > name.count && cookie[name.count] == UInt8(ascii: "="))
    }
}
