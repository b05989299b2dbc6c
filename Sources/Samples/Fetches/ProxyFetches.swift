import Base

/// Fetches of the state of the process, of proxies and of servers (manual, section 7.3.2).
enum ProxyFetches {
    static let all: [FetchKeyword] = proxies + servers + streams

    private static func proxy(
        _ name: String, _ fact: ProxyNumber, _ kind: ArgumentKind, _ documentation: String
    ) -> FetchKeyword {
        FetchKeyword(name, ArgumentShape([kind]), .integer, .process, section: "7.3.2", documentation) {
            scope, arguments in
            switch arguments[0] {
            case .frontend(let index), .backend(let index):
                scope.number(fact, of: index < 0 ? nil : index).map { Sample($0) }
            default: scope.number(fact, of: nil).map { Sample($0) }
            }
        }
    }

    private static let proxies: [FetchKeyword] = [
        proxy("avg_queue", .averageQueueLength, .backend, "Requests in the backend's queues for each usable server"),
        proxy("be_conn", .backendConnections, .backend, "Streams at the backend now"),
        proxy(
            "be_conn_free", .freeConnections, .backend, "Connections that its servers would still take; -1: no limit"),
        proxy("be_sess_rate", .backendSessionRate, .backend, "New streams at the backend in a second"),
        proxy("connslots", .freeSlots, .backend, "The same with places in queues; -1: no limit"),
        proxy("fe_conn", .frontendConnections, .frontend, "Connections of the frontend now"),
        proxy("fe_req_rate", .frontendRequestRate, .frontend, "Requests at the frontend in a second"),
        proxy("fe_sess_rate", .frontendSessionRate, .frontend, "New connections at the frontend in a second"),
        proxy("nbsrv", .usableServers, .backend, "The backend's usable servers"),
        proxy("queue", .queueLength, .backend, "Requests in the backend's queues"),
    ]

    private static func server(
        _ name: String, _ fact: ServerNumber, _ documentation: String, type: SampleType = .integer
    ) -> FetchKeyword {
        FetchKeyword(name, ArgumentShape([.server]), type, .process, section: "7.3.2", documentation) {
            scope, arguments in
            guard case .server(let proxy, let server) = arguments[0], let value = scope.number(fact, of: proxy, server)
            else { return nil }
            return type == .boolean ? Sample(value != 0) : Sample(value)
        }
    }

    private static let servers: [FetchKeyword] = [
        server("srv_conn", .connections, "Connections on the server now"),
        server("srv_conn_free", .freeConnections, "Connections that it would still take; -1: no limit"),
        server("srv_is_up", .isUp, "Whether the server is up", type: .boolean),
        server("srv_iweight", .initialWeight, "The weight that the configuration gives it"),
        server("srv_queue", .queueLength, "Requests in the server's own queue"),
        server("srv_sess_rate", .sessionRate, "New streams on the server in a second"),
        server("srv_uweight", .userWeight, "The weight that a user sees"),
        server("srv_weight", .weight, "The weight that counts now"),
    ]

    private static func stream(_ name: String, _ fact: StreamNumber, _ documentation: String) -> FetchKeyword {
        FetchKeyword(name, .none, .integer, .process, section: "7.3.2", documentation) { scope, _ in
            scope.number(fact).map { Sample($0) }
        }
    }

    private static let streams: [FetchKeyword] = [
        stream("last_rule_line", .lastRuleLine, "Line of the last final rule that the stream met"),
        FetchKeyword(
            "last_rule_file", .none, .string, .process, section: "7.3.2", "File of the last final rule"
        ) { scope, _ in
            scope.text(.lastRuleFile)
        },
        stream("prio_class", .priorityClass, "The stream's priority class in queues"),
        stream("prio_offset", .priorityOffset, "The stream's priority offset in queues"),
        FetchKeyword(
            "stopping", .none, .boolean, .process, section: "7.3.2", "Whether the process takes no more connections"
        ) { scope, _ in
            Sample(scope.number(.isStopping) == 1)
        },
        FetchKeyword(
            "wait_end", .none, .boolean, .process, section: "7.3.5", "True when the time of inspection is over"
        ) { scope, _ in
            if scope.isFinal { return Sample(true) }
            scope.mayChange = true
            return nil
        },
    ]
}
