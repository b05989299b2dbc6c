/// Cuts a line of the runtime API into commands and words (management guide, section 9.3).
///
/// Commands are separated by ";", words by spaces and tabs; a backslash takes the special meaning from the character
/// behind it.
enum CommandParser {
    /// Words of a command that are looked at; more are ignored.
    static let maximumWords = 64

    /// The commands of a line, each as its words. An empty command (";;", or an empty line) has no words.
    static func parse(_ line: ArraySlice<UInt8>) -> [[String]] {
        var commands: [[String]] = []
        var words: [String] = []
        var word: [UInt8] = []
        var hasWord = false
        var isEscaped = false

        func endWord() {
            if hasWord && words.count < maximumWords { words.append(String(decoding: word, as: UTF8.self)) }
            word.removeAll(keepingCapacity: true)
            hasWord = false
        }

        for byte in line {
            if isEscaped {
                word.append(byte)
                isEscaped = false
                continue
            }
            switch byte {
            case UInt8(ascii: "\\"):
                isEscaped = true
                hasWord = true
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                endWord()
            case UInt8(ascii: ";"):
                endWord()
                commands.append(words)
                words = []
            default:
                word.append(byte)
                hasWord = true
            }
        }
        // A backslash at the end of the line stands for itself.
        if isEscaped { word.append(UInt8(ascii: "\\")) }
        endWord()
        commands.append(words)
        return commands
    }
}
