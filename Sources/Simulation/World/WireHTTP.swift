/// HTTP/1 as the peers of a world read it: an implementation of its own, so that it shares no mistake with the proxy's.
struct WireHead {
    var startLine: String
    var fields: [(name: String, value: String)]

    /// The values of a field, in order.
    func values(_ name: String) -> [String] {
        let wanted = name.lowercased()
        return fields.filter { $0.name.lowercased() == wanted }.map(\.value)
    }

    func value(_ name: String) -> String? { values(name).first }

    /// Whether a list field has the token.
    func lists(_ token: String, in name: String) -> Bool {
        values(name).contains { line in
            line.split(separator: ",").contains { part in
                part.drop { $0 == " " }.lowercased().split(separator: " ").first.map(String.init) == token
            }
        }
    }

    var exchangeID: Int? { value(Exchange.idField).flatMap { Int($0) } }

    /// The status of a response.
    var status: Int? {
        let parts = startLine.split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1.") else { return nil }
        return Int(parts[1])
    }
}

/// How far the reading of a body got.
struct WireBody {
    enum Ending: Equatable {
        case complete
        case broken(WireEnd)
        /// A byte that is not the pattern's.
        case wrongByte(at: Int)
        case malformed(String)
    }
    var ending: Ending
    var count: Int
}

extension Wire {
    /// Reads a head.
    func head() -> Result<WireHead, WireStop> {
        let first: String
        switch line() {
        case .success(let text): first = text
        case .failure(let stop): return .failure(stop)
        }
        var fields: [(name: String, value: String)] = []
        while true {
            switch line() {
            case .failure(let stop): return .failure(stop)
            case .success(""): return .success(WireHead(startLine: first, fields: fields))
            case .success(let text):
                let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                let name = String(parts[0])
                let value = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
                fields.append((name, value))
            }
        }
    }

    /// Reads a body of a known length, or until the connection's end, and compares it with the pattern.
    func body(count: Int?, _ pattern: Pattern) -> WireBody {
        var seen = 0
        while count.map({ seen < $0 }) ?? true {
            if available == 0, let end = receive() {
                if count == nil && end == .end { return WireBody(ending: .complete, count: seen) }
                return WireBody(ending: .broken(end), count: seen)
            }
            let bytes = take(count.map { $0 - seen } ?? available)
            if let place = pattern.firstDifference(in: bytes, at: UInt64(seen)) {
                return WireBody(ending: .wrongByte(at: seen + place), count: seen + place)
            }
            seen += bytes.count
        }
        return WireBody(ending: .complete, count: seen)
    }

    /// Reads a chunked body and compares its content with the pattern. Trailer fields are returned through `trailers`.
    func chunkedBody(_ pattern: Pattern, trailers: inout [String]) -> WireBody {
        var seen = 0
        while true {
            let sizeLine: String
            switch line() {
            case .success(let text): sizeLine = text
            case .failure(let stop): return WireBody(ending: .broken(stop.end), count: seen)
            }
            guard let size = Int(sizeLine, radix: 16), size >= 0 else {
                return WireBody(ending: .malformed("chunk size '\(sizeLine)'"), count: seen)
            }
            if size == 0 { break }
            var left = size
            while left > 0 {
                if available == 0, let end = receive() { return WireBody(ending: .broken(end), count: seen) }
                let bytes = take(left)
                if let place = pattern.firstDifference(in: bytes, at: UInt64(seen)) {
                    return WireBody(ending: .wrongByte(at: seen + place), count: seen + place)
                }
                seen += bytes.count
                left -= bytes.count
            }
            switch line() {
            case .success(""): continue
            case .success(let text): return WireBody(ending: .malformed("'\(text)' behind a chunk"), count: seen)
            case .failure(let stop): return WireBody(ending: .broken(stop.end), count: seen)
            }
        }
        while true {
            switch line() {
            case .success(""): return WireBody(ending: .complete, count: seen)
            case .success(let text): trailers.append(text)
            case .failure(let stop): return WireBody(ending: .broken(stop.end), count: seen)
            }
        }
    }
}
