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
    ]
}
