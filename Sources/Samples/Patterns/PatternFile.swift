import Base

extension PatternSet {
    /// The line of a file that cannot be taken, from 1, and why.
    public struct FileFailure: Error, Sendable {
        public var line: Int
        public var failure: PatternFailure
    }

    /// Adds the lines of a file (manual, section 7.1, `-f`, and `map` in section 7.3.1).
    ///
    /// Empty lines, and lines whose first character is a sharp, are ignored; spaces and tabs in front are skipped. With
    /// values, the first word of a line is the pattern, and what follows it, without blanks around it, the value.
    public func load(_ file: [UInt8], withValues: Bool) throws(FileFailure) {
        hasValues = hasValues || withValues
        var line = 0
        var start = 0
        while start < file.count {
            let end = file[start...].firstIndex(of: 0x0a) ?? file.count
            line += 1
            defer { start = end + 1 }
            if file[start] == UInt8(ascii: "#") { continue }
            var last = end
            while last > start, file[last - 1] == 0x0d { last -= 1 }
            var first = start
            while first < last, file[first].isBlank { first += 1 }
            if first == last { continue }
            do throws(PatternFailure) {
                if withValues {
                    var keyEnd = first
                    while keyEnd < last, !file[keyEnd].isBlank { keyEnd += 1 }
                    var value = keyEnd
                    while value < last, file[value].isBlank { value += 1 }
                    while last > value, file[last - 1].isBlank { last -= 1 }
                    try add(Array(file[first..<keyEnd]), value: Array(file[value..<last]))
                } else {
                    try add(Array(file[first..<last]))
                }
            } catch {
                throw FileFailure(line: line, failure: error)
            }
        }
    }
}
