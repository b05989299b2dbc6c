// The entry points of the fuzz program for samples; `Fuzz/run` says which of them an execution is for, by the variable
// FUZZ_TARGET. The properties themselves stand in Tests/SamplesTests/Properties, because the unit tests replay the
// corpus too.

import Glibc

private enum Target: String {
    case converter, patterns

    /// What does not hold for an input, or nil.
    func check(_ input: [UInt8]) -> String? {
        switch self {
        case .converter: SampleProperties.converter(input)
        case .patterns: SampleProperties.patterns(input)
        }
    }
}

private let target: Target = {
    // SAFETY: the environment is not changed while the fuzzer runs, and `getenv` returns a C string or nil.
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = Target(rawValue: name) else { fatalError("FUZZ_TARGET: unknown target '\(name)'") }
    return target
}()

/// libFuzzer's entry: one input. A property that does not hold ends the program, as a trap in a converter does.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // SAFETY: libFuzzer passes `size` readable bytes.
    let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    if let problem = target.check(input) { fatalError("\(target): \(problem)") }
    return 0
}
