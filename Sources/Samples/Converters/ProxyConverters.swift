import Base

/// Converters that ask or change the state of proxies and streams (manual, section 7.3.1).
enum ProxyConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "nbsrv", .none, .type(.string), .type(.integer), "The number of usable servers of the backend of that name"
        ) { sample, scope, _ in
            scope.usableServers(backend: sample.span).map { Sample($0) }
        },
        ConverterKeyword(
            "srv_queue", .none, .type(.string), .type(.integer),
            "The number of sessions that wait for a server, 'backend/server' or a server of the backend at hand"
        ) { sample, scope, _ in
            scope.queueLength(server: sample.span).map { Sample($0) }
        },
        ConverterKeyword(
            "capture-req", ArgumentShape([.integer]), .type(.string), .type(.string),
            "Captures the value in a slot of the request, and goes on with it"
        ) { sample, scope, arguments in
            scope.capture(sample, slot: Int(truncatingIfNeeded: arguments.integer(0)), response: false)
            return sample
        },
        ConverterKeyword(
            "capture-res", ArgumentShape([.integer]), .type(.string), .type(.string),
            "Captures the value in a slot of the response, and goes on with it"
        ) { sample, scope, arguments in
            scope.capture(sample, slot: Int(truncatingIfNeeded: arguments.integer(0)), response: true)
            return sample
        },
        ConverterKeyword(
            "debug", ArgumentShape(optional: [.string, .string]), .any, .any,
            "Writes the value to 'stdout' or 'stderr', behind a prefix, and goes on with it",
            prepare: { arguments, _ throws(ArgumentFailure) in
                switch String(decoding: arguments.string(1), as: UTF8.self) {
                case "stdout", "stderr": return nil
                case "":
                    throw ArgumentFailure(
                        max(0, arguments.count - 1),
                        "writes to the ring 'buf0' without a destination, and rings are not supported",
                        help: "name the destination: debug(prefix,stderr)")
                case let sink:
                    throw ArgumentFailure(
                        1, "the destination '\(sink)' is not supported by this version of Martlet",
                        help: "there are stdout and stderr")
                }
            }
        ) { sample, scope, arguments in
            var line = LogLine()
            line.start(limit: LogLine.capacity - 1)
            line.append("[debug] ")
            line.append(arguments.string(0))
            line.append(": type=")
            line.append(text: sample.type.name)
            line.append(" <")
            if let value = SampleCasts.cast(sample, to: .type(.string), scope) {
                let bytes = value.span
                for index in 0..<bytes.count {
                    let byte = bytes[index]
                    line.append(byte >= 0x20 && byte != 0x7F ? byte : UInt8(ascii: "."))
                }
            }
            line.append(">")
            line.extendLimit(to: LogLine.capacity)
            line.append(UInt8(ascii: "\n"))
            scope.writeDebug(line, toError: arguments.string(1) == Array("stderr".utf8))
            return sample
        },
    ]
}
