/// The form of a request target (RFC 9112 section 3.2).
public enum TargetForm: Sendable, Equatable {
    /// A path and possibly a query.
    case origin
    /// A whole URI.
    case absolute
    /// `host:port`, with CONNECT only.
    case authority
    /// `*`, with OPTIONS only.
    case asterisk
}

extension MessageHead {
    /// The form of the target as it stands now.
    public var targetForm: TargetForm {
        if method == .connect { return .authority }
        let bytes = span(targetSlice)
        if bytes.count > 0 && bytes[0] == UInt8(ascii: "/") { return .origin }
        if bytes.count == 1 && bytes[0] == UInt8(ascii: "*") { return .asterisk }
        return .absolute
    }

    /// The path: from its first `/` to before the query; empty for CONNECT, and for a URI without a path.
    public var pathSlice: HeadSlice {
        // SAFETY: `state` is initialized for the life of self.
        if unsafe state.pointee.pathIsKnown { return unsafe state.pointee.path }
        let path = searchedPath
        unsafe state.pointee.path = path
        unsafe state.pointee.pathIsKnown = true
        return path
    }

    private var searchedPath: HeadSlice {
        let whole = pathAndQuerySlice
        let bytes = span(whole)
        for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "?") || bytes[index] == UInt8(ascii: "#") {
            return part(of: whole, from: 0, to: index)
        }
        return whole
    }

    /// The path with its query; `*` for the asterisk form.
    public var pathAndQuerySlice: HeadSlice {
        let target = targetSlice
        switch targetForm {
        case .origin, .asterisk: return target
        case .authority: return .empty
        case .absolute:
            let end = authorityRange.upperBound
            let bytes = span(target)
            // A URI may have a query and no path (RFC 3986 section 3).
            return end < bytes.count ? part(of: target, from: end, to: bytes.count) : .empty
        }
    }

    /// The query, without its `?`; empty if there is none.
    public var querySlice: HeadSlice {
        let whole = pathAndQuerySlice
        let bytes = span(whole)
        for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "?") {
            return part(of: whole, from: index + 1, to: bytes.count)
        }
        return .empty
    }

    /// The authority of an absolute target, or the target of CONNECT; empty for the other forms.
    public var authoritySlice: HeadSlice {
        switch targetForm {
        case .authority: return targetSlice
        case .absolute: return part(of: targetSlice, from: authorityRange.lowerBound, to: authorityRange.upperBound)
        case .origin, .asterisk: return .empty
        }
    }

    /// Where the authority stands in an absolute target.
    private var authorityRange: Range<Int> {
        let bytes = span(targetSlice)
        var start = 0
        while start + 2 < bytes.count {
            if bytes[start] == UInt8(ascii: ":") && bytes[start + 1] == UInt8(ascii: "/")
                && bytes[start + 2] == UInt8(ascii: "/")
            {
                break
            }
            start += 1
        }
        guard start + 2 < bytes.count else { return bytes.count..<bytes.count }
        start += 3
        var end = start
        while end < bytes.count {
            switch bytes[end] {
            case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"): return start..<end
            default: end += 1
            }
        }
        return start..<end
    }

    private func part(of slice: HeadSlice, from start: Int, to end: Int) -> HeadSlice {
        HeadSlice(
            offset: slice.offset &+ UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: end - start),
            inArena: slice.inArena)
    }
}
