import Configuration
import Proxy

/// The commands of the runtime API as a class of `-dK`: all are commands of workers, as the master has no socket.
enum CommandListing {
    static let keywords = KeywordListing.Class(name: "cli", documentation: "CLI keywords") {
        ["# List of registered CLI keywords:"]
            + CommandTable.standard.commands.map { "\($0.name.joined(separator: " ")) [WORKER] " }.sorted()
    }
}
