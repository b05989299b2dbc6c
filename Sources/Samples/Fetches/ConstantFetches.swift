/// Fetches of constants (manual, section 7.3.2).
enum ConstantFetches {
    static let all: [FetchKeyword] = [
        FetchKeyword("always_false", .none, .boolean, .constant, section: "7.3.2", "Always false") { _, _ in
            Sample(false)
        },
        FetchKeyword("always_true", .none, .boolean, .constant, section: "7.3.2", "Always true") { _, _ in
            Sample(true)
        },
        FetchKeyword(
            "str", ArgumentShape([.string]), .string, .constant, section: "7.3.2", "The string that is the argument",
            prepare: { arguments, _ throws(ArgumentFailure) in LiteralBytes(arguments.string(0)) }
        ) { _, arguments in
            (arguments.prepared as? LiteralBytes)?.sample
        },
        FetchKeyword(
            "int", ArgumentShape([.integer]), .integer, .constant, section: "7.3.2", "The integer that is the argument"
        ) { _, arguments in
            Sample(arguments.integer(0))
        },
    ]
}

/// Bytes of a literal argument, at an address that does not change.
// SAFETY: Sendable because the bytes are written in `init` only; freed in `deinit`.
@safe
final class LiteralBytes: @unchecked Sendable {
    private let buffer: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        unsafe buffer = .allocate(byteCount: bytes.count, alignment: 1)
        unsafe buffer.copyBytes(from: bytes)
    }

    deinit { unsafe buffer.deallocate() }

    /// The literal as a string. It stands as long as the expression that it is part of.
    var sample: Sample { unsafe Sample(.string, UnsafeRawBufferPointer(buffer)) }
}
