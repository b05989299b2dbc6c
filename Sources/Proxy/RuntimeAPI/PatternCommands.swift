import Configuration
import Samples

/// The commands that show and change sets of patterns: ACLs and maps (management guide, section 9.3).
///
/// They run on one worker's thread; the others look patterns up meanwhile, without waiting.
enum PatternCommands {
    static let all = commands(.acl) + commands(.map)

    /// What a set is used as. One of a file may be both.
    enum Kind: String, Sendable {
        case acl, map

        var title: String { self == .acl ? "ACL" : "map" }
        var parameters: String { self == .acl ? "<acl> <pattern>" : "<map> <key> <val>" }

        func includes(_ set: PatternSet) -> Bool { self == .acl ? set.isUsedByACL || set.hasValues : set.isUsedByMap }
    }

    private static func commands(_ kind: Kind) -> [Command] {
        let name = kind.rawValue
        let what = kind == .acl ? "acl" : "map"
        return [
            Command(
                "add \(name) [@<ver>] \(kind.parameters)", "add \(kind == .acl ? "an acl" : "a map") entry",
                level: .operator, name: "add \(name)"
            ) { add($0, kind) },
            Command(
                "clear \(name) [@<ver>] <\(name)>", "clear the contents of this \(what)", level: .operator,
                name: "clear \(name)"
            ) { clear($0, kind) },
            Command(
                "commit \(name) @<ver> <\(name)>", "commit the \(what) at this version", level: .operator,
                name: "commit \(name)"
            ) { commit($0, kind) },
            Command(
                "del \(name) <\(name)> [<key>|#<ref>]", "delete \(what) entries matching <key>", level: .operator,
                name: "del \(name)"
            ) { delete($0, kind) },
            Command(
                "get \(name) <\(name)> <value>", "report the patterns matching a sample", name: "get \(name)"
            ) { get($0, kind) },
            Command(
                "prepare \(name) <\(name)>", "prepare a new version for atomic \(what) replacement", level: .operator,
                name: "prepare \(name)"
            ) { prepare($0, kind) },
            Command(
                "show \(name) [@<ver>] <\(name)>]",
                "report available \(what)s or dump a\(kind == .acl ? "n" : "") \(what)'s contents",
                name: "show \(name)"
            ) { show($0, kind) },
        ]
            + (kind == .acl
                ? []
                : [
                    Command(
                        "set map <map> [<key>|#<ref>] <value>", "modify a map entry", level: .operator,
                        name: "set map"
                    ) { change($0) }
                ])
    }

    // MARK: Arguments

    /// Words behind the command, without a version in front of them.
    private struct Call {
        var version: UInt32?
        var hasVersion = false
        var words: [String]

        init(_ invocation: CommandInvocation) {
            words = invocation.arguments
            guard let first = words.first, first.hasPrefix("@") else { return }
            hasVersion = true
            version = UInt32(first.dropFirst())
            words.removeFirst()
        }
    }

    private static func find(_ word: String, _ kind: Kind, _ invocation: CommandInvocation) -> PatternSet? {
        invocation.context.patternSets.first { set in
            kind.includes(set)
                && (word.hasPrefix("#") ? Int(word.dropFirst()) == set.id : !word.isEmpty && set.fileName == word)
        }
    }

    private static func unknown(_ kind: Kind) -> CommandReply {
        .failure("Unknown \(kind.title) identifier. Please use #<id> or <file>.\n")
    }

    /// The entry that `#0x...` names.
    private static func reference(_ word: String) -> UInt? {
        guard word.hasPrefix("#") else { return nil }
        let digits = word.dropFirst()
        return UInt(digits.hasPrefix("0x") ? digits.dropFirst(2) : digits, radix: 16)
    }

    // MARK: Commands

    private static func add(_ invocation: CommandInvocation, _ kind: Kind) -> CommandReply {
        let call = Call(invocation)
        let usage =
            kind == .acl
            ? "'add acl' expects two parameters: ACL identifier and pattern.\n"
            : "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier)"
                + " and a payload\n"
        if call.hasVersion, call.version == nil { return .failure("Version number out of range.\n") }
        guard let word = call.words.first, call.words.count >= 2 || invocation.payload != nil else {
            return .failure(usage)
        }
        guard let set = find(word, kind, invocation) else { return unknown(kind) }
        if kind == .acl, set.hasValues {
            return .failure(
                "This ACL is shared with a map containing samples. You must use the command 'add map' to add values.\n")
        }
        do throws(PatternFailure) {
            if let payload = invocation.payload {
                guard call.words.count == 1 else { return .failure(usage) }
                for line in payload {
                    let words = line.split(maxSplits: 1) { $0 == 0x20 || $0 == 0x09 }
                    guard let key = words.first else { continue }
                    guard kind == .acl || words.count == 2 else {
                        return .failure("Missing value for key '\(String(decoding: key, as: UTF8.self))'.\n")
                    }
                    try set.add(
                        kind == .acl ? line : Array(key), value: kind == .acl ? nil : Array(words[1]),
                        version: call.version)
                }
                return .text("")
            }
            guard kind == .acl || call.words.count >= 3 else { return .failure(usage) }
            try set.add(
                Array(call.words[1].utf8), value: kind == .acl ? nil : Array(call.words[2].utf8), version: call.version)
        } catch {
            return .failure(error.message + "\n")
        }
        return .text("")
    }

    private static func change(_ invocation: CommandInvocation) -> CommandReply {
        let words = invocation.arguments
        guard words.count >= 3 else {
            return .failure("'set map' expects three parameters: map identifier, key and value.\n")
        }
        guard let set = find(words[0], .map, invocation) else { return unknown(.map) }
        do throws(PatternFailure) {
            if let reference = reference(words[1]) {
                let isThere = try set.set(reference: reference, value: Array(words[2].utf8))
                return isThere ? .text("") : .failure("key or pattern not found.\n")
            }
            let isThere = try set.set(Array(words[1].utf8), value: Array(words[2].utf8))
            return isThere ? .text("") : .failure("entry not found.\n")
        } catch {
            return .failure(error.message + "\n")
        }
    }

    private static func delete(_ invocation: CommandInvocation, _ kind: Kind) -> CommandReply {
        let words = invocation.arguments
        guard words.count >= 2 else {
            return .failure("This command expects two parameters: \(kind.title) identifier and key.\n")
        }
        guard let set = find(words[0], kind, invocation) else { return unknown(kind) }
        let isDeleted =
            reference(words[1]).map { set.remove(reference: $0) } ?? set.remove(Array(words[1].utf8))
        return isDeleted ? .text("") : .failure("Key not found.\n")
    }

    private static func clear(_ invocation: CommandInvocation, _ kind: Kind) -> CommandReply {
        let call = Call(invocation)
        guard let word = call.words.first else { return .failure("Missing \(kind.title) identifier.\n") }
        guard let set = find(word, kind, invocation) else { return unknown(kind) }
        if call.hasVersion, call.version == nil { return .failure("Version number out of range.\n") }
        set.clear(call.version)
        return .text("")
    }

    private static func get(_ invocation: CommandInvocation, _ kind: Kind) -> CommandReply {
        let words = invocation.arguments
        guard words.count >= 2 else { return .failure("Missing \(kind.title) identifier and/or key.\n") }
        guard let set = find(words[0], kind, invocation) else { return unknown(kind) }
        return .text(set.lookup(Array(words[1].utf8), asMap: kind == .map).map { $0 + "\n" }.joined())
    }

    private static func prepare(_ invocation: CommandInvocation, _ kind: Kind) -> CommandReply {
        guard let word = invocation.arguments.first, let set = find(word, kind, invocation) else {
            return unknown(kind)
        }
        return .message("New version created: \(set.prepare())\n")
    }

    private static func commit(_ invocation: CommandInvocation, _ kind: Kind) -> CommandReply {
        let call = Call(invocation)
        guard call.hasVersion else { return .failure("Missing version number.\n") }
        guard let word = call.words.first, let set = find(word, kind, invocation) else { return unknown(kind) }
        guard let version = call.version, set.commit(version) else { return .failure("Version number out of range.\n") }
        return .text("")
    }

    private static func show(_ invocation: CommandInvocation, _ kind: Kind) -> CommandReply {
        let call = Call(invocation)
        guard let word = call.words.first else {
            if call.hasVersion { return unknown(kind) }
            let lines = invocation.context.patternSets.filter { kind.includes($0) }.sorted { $0.id < $1.id }
            return .text("# id (file) description\n" + lines.map { $0.summaryLine + "\n" }.joined())
        }
        guard let set = find(word, kind, invocation) else { return unknown(kind) }
        return .dump(PatternDump(set.listing(call.version)))
    }
}

/// The entries of a set, some lines at a time.
private final class PatternDump: CommandDump {
    private let lines: [String]
    private var position = 0
    private static let linesPerPiece = 100

    init(_ lines: [String]) { self.lines = lines }

    override func next(into output: inout CommandOutput) -> Bool {
        let end = min(position + PatternDump.linesPerPiece, lines.count)
        for line in lines[position..<end] { output.line(line) }
        position = end
        return position < lines.count
    }
}
