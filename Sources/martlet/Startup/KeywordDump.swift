import Configuration

/// `-dK`: the keywords that this program knows, by class.
enum KeywordDump {
    struct Class: Sendable {
        var name: String
        var documentation: String
        var lines: @Sendable () -> [String]
    }

    static let classes: [Class] = []

    static func text(classes list: String) -> String { "" }
}
