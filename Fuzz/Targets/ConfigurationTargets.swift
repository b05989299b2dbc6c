// The entry points of the fuzz program for the configuration; `Fuzz/run` says which of them an execution is for, by the
// variable FUZZ_TARGET. The properties themselves stand in Tests/ConfigurationTests/Properties, because the unit tests
// replay the corpus too.

import Glibc

private enum Target: String {
    case configuration, condition

    /// What does not hold for an input, or nil.
    func check(_ input: [UInt8]) -> String? {
        switch self {
        case .configuration: ConfigurationProperties.file(input)
        case .condition: ConfigurationProperties.condition(input)
        }
    }
}

private let target: Target = {
    // SAFETY: the environment is not changed while the fuzzer runs, and `getenv` returns a C string or nil.
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = Target(rawValue: name) else { fatalError("FUZZ_TARGET: unknown target '\(name)'") }
    return target
}()

/// libFuzzer's entry: one input. A property that does not hold ends the program, as a trap in the parser does.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // SAFETY: libFuzzer passes `size` readable bytes.
    let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    if let problem = target.check(input) { fatalError("\(target): \(problem)") }
    return 0
}
