// The entry of every fuzz program. `Fuzz/run` says which of a program's targets an execution is for, by the variable
// FUZZ_TARGET.

import Glibc

private let target: Target = {
    // SAFETY: the environment is not changed while the fuzzer runs, and `getenv` returns a C string or nil.
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = Target(rawValue: name) else { fatalError("FUZZ_TARGET: unknown target '\(name)'") }
    return target
}()

/// libFuzzer's entry: one input. A property that does not hold ends the program, as a trap does.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // SAFETY: libFuzzer passes `size` readable bytes.
    let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    if let problem = target.check(input) { fatalError("\(target): \(problem)") }
    return 0
}
