/// "did you mean ...": the nearest of the words that may stand somewhere.
enum Suggestions {
    /// Edit distance with insertions, deletions, substitutions and swaps of neighbours; nil above `limit`.
    static func distance(_ left: [UInt8], _ right: [UInt8], limit: Int) -> Int? {
        guard abs(left.count - right.count) <= limit else { return nil }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, leftByte) in left.enumerated() {
            var line = [row + 1]
            line.reserveCapacity(right.count + 1)
            for (column, rightByte) in right.enumerated() {
                var best = min(last[column + 1] + 1, line[column] + 1)
                best = min(best, last[column] + (leftByte == rightByte ? 0 : 1))
                if row > 0, column > 0, leftByte == right[column - 1], left[row - 1] == rightByte {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                line.append(best)
            }
            beforeLast = last
            last = line
        }
        guard let result = last.last, result <= limit else { return nil }
        return result
    }

    /// The nearest candidate, if one is near enough for the length of the word.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let bytes = Array(word.utf8).map(\.lowercased)
        guard bytes.count > 1, bytes.count <= 64 else { return nil }
        var best: (name: String, distance: Int)?
        var limit = bytes.count <= 3 ? 1 : bytes.count <= 7 ? 2 : 3
        for candidate in candidates where limit >= 0 && candidate != word {
            guard let found = distance(bytes, Array(candidate.utf8).map(\.lowercased), limit: limit) else { continue }
            best = (candidate, found)
            limit = found - 1
        }
        return best?.name
    }

    /// The help line for an unknown word.
    static func help(for word: String, among candidates: some Sequence<String>) -> Help? {
        nearest(to: word, among: candidates).map { Help("did you mean '\($0)'?", replacing: word, with: $0) }
    }
}
