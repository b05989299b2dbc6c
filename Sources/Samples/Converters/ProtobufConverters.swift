import Base

/// Fields of protocol buffers, alone and in gRPC messages (manual, section 7.3.1, `protobuf` and `ungrpc`).
enum ProtobufConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "protobuf", ArgumentShape([.protobufField], optional: [.string]), .type(.binary), .type(.binary),
            "A field of a protocol buffer, raw or as an integer",
            prepare: { arguments, _ throws(ArgumentFailure) in try ProtobufField(arguments) }
        ) { sample, scope, arguments in
            arguments.made(ProtobufField.self)?.find(sample, in: 0..<sample.byteCount)
        },
        ConverterKeyword(
            "ungrpc", ArgumentShape([.protobufField], optional: [.string]), .type(.binary), .type(.binary),
            "A field of the protocol buffer in a gRPC message, raw or as an integer",
            prepare: { arguments, _ throws(ArgumentFailure) in try ProtobufField(arguments) }
        ) { sample, scope, arguments in
            // A flag, and the length of the message in four bytes.
            let bytes = sample.span
            guard bytes.count >= 5 else { return nil }
            let length =
                Int(bytes[1]) << 24 | Int(bytes[2]) << 16 | Int(bytes[3]) << 8 | Int(bytes[4])
            guard length <= bytes.count - 5 else { return nil }
            return arguments.made(ProtobufField.self)?.find(sample, in: 5..<(5 + length))
        },
    ]
}

/// The path to a field, and how it is read (<https://protobuf.dev/programming-guides/encoding/>).
final class ProtobufField: Sendable {
    private enum Kind: String {
        case int32, int64, uint32, uint64, bool, `enum`
        case sint32, sint64
        case fixed64, sfixed64, double
        case fixed32, sfixed32, float

        var wireType: UInt64 {
            switch self {
            case .int32, .int64, .uint32, .uint64, .bool, .enum, .sint32, .sint64: 0
            case .fixed64, .sfixed64, .double: 1
            case .fixed32, .sfixed32, .float: 5
            }
        }
    }

    private let path: [UInt32]
    private let kind: Kind?

    init(_ arguments: Arguments) throws(ArgumentFailure) {
        guard case .path(let path) = arguments[0] else { throw ArgumentFailure(0, "a field number is expected") }
        self.path = path
        let name = String(decoding: arguments.string(1), as: UTF8.self)
        guard name.isEmpty || Kind(rawValue: name) != nil else { throw ArgumentFailure(1, "'\(name)' is no type") }
        kind = Kind(rawValue: name)
    }

    /// A variable integer of ten bytes at most; nil when it does not end.
    private static func variableInteger(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while index < end, shift < 70 {
            let byte = bytes[index]
            index += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }

    /// The first field of the path's number, step by step.
    func find(_ sample: Sample, in range: Range<Int>) -> Sample? {
        let bytes = sample.span
        var (index, end) = (range.lowerBound, range.upperBound)
        var depth = 0
        while index < end {
            guard let key = ProtobufField.variableInteger(bytes, &index, end) else { return nil }
            let start = index
            var contents = index
            switch key & 7 {
            case 0: guard ProtobufField.variableInteger(bytes, &index, end) != nil else { return nil }
            case 1: index += 8
            case 2:
                guard let length = ProtobufField.variableInteger(bytes, &index, end), length <= UInt64(end - index)
                else { return nil }
                contents = index
                index += Int(length)
            case 5: index += 4
            default: return nil
            }
            guard index <= end else { return nil }
            guard key >> 3 == UInt64(path[depth]) else { continue }
            if depth == path.count - 1 {
                return value(sample, key & 7, start: start, contents: contents, end: index)
            }
            guard key & 7 == 2 else { return nil }
            depth += 1
            end = index
            index = contents
        }
        return nil
    }

    private func value(_ sample: Sample, _ wireType: UInt64, start: Int, contents: Int, end: Int) -> Sample? {
        guard let kind else {
            var raw = sample
            raw.narrow(from: contents, count: end - contents)
            return raw
        }
        guard kind.wireType == wireType else { return nil }
        let bytes = sample.span
        var word: UInt64 = 0
        if wireType == 0 {
            var index = start
            guard let value = ProtobufField.variableInteger(bytes, &index, end) else { return nil }
            word = value
        } else {
            for index in (start..<end).reversed() { word = word << 8 | UInt64(bytes[index]) }
        }
        switch kind {
        case .int32, .int64, .uint32, .uint64, .bool, .enum, .fixed64, .sfixed64, .fixed32:
            return Sample(Int64(bitPattern: word))
        case .sint32, .sint64: return Sample(Int64(bitPattern: word >> 1 ^ (0 &- (word & 1))))
        case .sfixed32: return Sample(Int64(Int32(truncatingIfNeeded: word)))
        case .float: return Sample(Int64(clamping: Double(Float(bitPattern: UInt32(truncatingIfNeeded: word))), nan: 0))
        case .double: return Sample(Int64(clamping: Double(bitPattern: word), nan: .min))
        }
    }
}

extension Int64 {
    /// The whole part of a number; the nearest integer when it is too large.
    fileprivate init(clamping value: Double, nan: Int64) {
        if value.isNaN {
            self = nan
        } else if value >= 9.2e18 {
            self = .max
        } else if value <= -9.2e18 {
            self = .min
        } else {
            self = Int64(value)
        }
    }
}
