import CPCRE2

/// A regular expression, compiled once and run by PCRE2's just-in-time compiler where there is one.
///
/// Thread-safety: any thread may match; the results of a match go to the memory of a `RegexMatch`.
// SAFETY: Sendable because compiled code is not written to after `init`; PCRE2 allows threads to share it.
@safe
public final class Regex: @unchecked Sendable {
    /// Why a pattern is no regular expression.
    public struct Failure: Error, Sendable {
        public let message: String
        /// Where in the pattern, in bytes.
        public let offset: Int
    }

    public let pattern: [UInt8]
    public let ignoresCase: Bool
    let code: OpaquePointer

    public init(_ pattern: [UInt8], ignoresCase: Bool = false) throws(Failure) {
        self.pattern = pattern
        self.ignoresCase = ignoresCase
        var error: Int32 = 0
        var offset = 0
        // SAFETY: the pattern is read during the call; error and offset are locals.
        let compiled = unsafe pattern.withUnsafeBufferPointer {
            unsafe pcre2_compile_8(
                $0.baseAddress ?? UnsafePointer(bitPattern: 1), $0.count, ignoresCase ? UInt32(PCRE2_CASELESS) : 0,
                &error, &offset, nil)
        }
        guard let compiled = unsafe compiled else {
            var text = [UInt8](repeating: 0, count: 256)
            // SAFETY: the message is cut to the buffer's size.
            let length = unsafe text.withUnsafeMutableBufferPointer {
                unsafe pcre2_get_error_message_8(error, $0.baseAddress, $0.count)
            }
            throw Failure(message: String(decoding: text.prefix(max(0, Int(length))), as: UTF8.self), offset: offset)
        }
        unsafe code = compiled
        // Without just-in-time compilation the interpreter is used: no error.
        _ = unsafe pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
    }

    deinit { unsafe pcre2_code_free_8(code) }

    /// Whether the expression matches anywhere.
    public func matches(_ text: Span<UInt8>, _ match: RegexMatch) -> Bool { match.find(self, in: text) }
}

/// The memory that one thread matches with: where the whole match and its groups were found.
// SAFETY: the match data are allocated in `init` and freed in `deinit`; one thread uses them.
@safe
public final class RegexMatch {
    /// Groups that are kept: the whole match and `\1` to `\19`.
    public static let groupLimit = 20
    private let data: OpaquePointer
    private let context: OpaquePointer
    private(set) var groupCount = 0

    public init() {
        // SAFETY: both are nil only without memory, where nothing else would go on either.
        guard let data = unsafe pcre2_match_data_create_8(UInt32(RegexMatch.groupLimit), nil),
            let context = unsafe pcre2_match_context_create_8(nil)
        else { fatalError("no memory for matching") }
        // An expression that backtracks for ever must not stop a worker.
        unsafe pcre2_set_match_limit_8(context, 200_000)
        unsafe self.data = data
        unsafe self.context = context
    }

    deinit {
        unsafe pcre2_match_data_free_8(data)
        unsafe pcre2_match_context_free_8(context)
    }

    /// Finds the first match. A match that exceeds the limit of steps counts as none. `^` matches at the text's first
    /// byte only when it `isBeginning`.
    public func find(_ regex: Regex, in text: Span<UInt8>, isBeginning: Bool = true) -> Bool {
        // SAFETY: the text is read during the call.
        let result = unsafe text.withUnsafeBufferPointer {
            unsafe pcre2_match_8(
                regex.code, $0.baseAddress ?? UnsafePointer(bitPattern: 1), $0.count, 0,
                isBeginning ? 0 : PCRE2_NOTBOL, data, context)
        }
        // 0: more groups than there is room for.
        groupCount = result == 0 ? RegexMatch.groupLimit : max(0, Int(result))
        return result >= 0
    }

    /// Where a group of the last match stands; nil when it took no part. Group 0 is the whole match.
    public func group(_ index: Int) -> Range<Int>? {
        guard index >= 0, index < groupCount, let bounds = unsafe pcre2_get_ovector_pointer_8(data) else { return nil }
        // SAFETY: there are two bounds for each of the groups found.
        let (first, end) = unsafe (bounds[2 * index], bounds[2 * index + 1])
        guard first <= end, end < Int.max else { return nil }
        return Int(first)..<Int(end)
    }
}
