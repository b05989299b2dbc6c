/// What Content-Length, Transfer-Encoding and Host must be, checked as each arrives.
// SAFETY: the head's state is initialized for the life of the head, and an index of a field is below the count of its
// fields.
extension MessageHead {
    /// Takes note of a field that was just entered; returns what is wrong with it, or nil.
    func noteFramingField(_ index: Int) -> HTTPParseError.Kind? {
        switch known(index) {
        case .contentLength: noteContentLength(index)
        case .transferEncoding: noteTransferEncoding(index)
        // More than one Host is refused whatever the values are, valid or not (RFC 9112 section 3.2).
        case .host: isRequest && firstIndex(of: .host) != index ? .repeatedHost : nil
        default: nil
        }
    }

    private var isRequest: Bool { unsafe state.pointee.isRequest }

    /// A number of up to 18 digits, of which none overflows; nil for any other bytes.
    @inline(__always)
    private func shortNumber(_ bytes: Span<UInt8>) -> UInt64? {
        guard bytes.count > 0, bytes.count <= 18 else { return nil }
        var number: UInt64 = 0
        for index in 0..<bytes.count {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            number = number &* 10 &+ UInt64(digit)
        }
        return number
    }

    /// RFC 9110 section 8.6: digits, or a list of the same number; a second field must agree, and is dropped.
    private func noteContentLength(_ index: Int) -> HTTPParseError.Kind? {
        let bytes = value(index)
        if unsafe !state.pointee.framing.contains(.contentLength), let number = shortNumber(bytes) {
            unsafe state.pointee.framing.insert(.contentLength)
            unsafe state.pointee.contentLength = number
            return nil
        }
        var place = 0
        var firstLength: Int?
        repeat {
            let start = place
            var number: UInt64 = 0
            while place < bytes.count, bytes[place] &- 0x30 < 10 {
                let (tens, high) = number.multipliedReportingOverflow(by: 10)
                let (sum, carry) = tens.addingReportingOverflow(UInt64(bytes[place] &- 0x30))
                // A length is also counted in Int: nothing larger is a length of anything.
                guard !high, !carry, sum <= UInt64(Int.max) else { return .badContentLength }
                number = sum
                place += 1
            }
            guard place > start else { return .badContentLength }
            if firstLength == nil { firstLength = place }
            if unsafe state.pointee.framing.contains(.contentLength) {
                guard unsafe state.pointee.contentLength == number else { return .conflictingContentLength }
            }
            unsafe state.pointee.framing.insert(.contentLength)
            unsafe state.pointee.contentLength = number
            while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x09 { place += 1 }
            guard place < bytes.count else { break }
            guard bytes[place] == UInt8(ascii: ",") else { return .badContentLength }
            place += 1
            while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x09 { place += 1 }
        } while true
        // What is forwarded is one field with one number.
        unsafe fields[index].valueLength = UInt32(truncatingIfNeeded: firstLength ?? bytes.count)
        if place != firstLength { unsafe fields[index].flags.insert(.rewritten) }
        if firstIndex(of: .contentLength) != index { delete(index) }
        return nil
    }

    /// RFC 9112 section 6.1. Only chunked is understood; another coding under it would have to be decoded to be judged.
    private func noteTransferEncoding(_ index: Int) -> HTTPParseError.Kind? {
        let bytes = value(index)
        unsafe state.pointee.framing.insert(.transferEncoding)
        var place = 0
        repeat {
            let start = place
            while place < bytes.count, HTTPCharacters.isTokenByte(bytes[place]) { place += 1 }
            guard place > start else { return .badTransferEncoding }
            // Nothing may follow chunked, neither here nor in another field.
            guard unsafe !state.pointee.framing.contains(.chunked) else { return .badTransferEncoding }
            if bytes.extracting(start..<place).equalsIgnoringCase("chunked") {
                unsafe state.pointee.framing.insert(.chunked)
            } else {
                unsafe state.pointee.framing.insert(.otherCoding)
            }
            while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x09 { place += 1 }
            guard place < bytes.count else { return nil }
            guard bytes[place] == UInt8(ascii: ",") else { return .badTransferEncoding }
            place += 1
            while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x09 { place += 1 }
        } while true
    }
}
