import Base

/// Fetches of the client's connection and of the listener that accepted it (manual, section 7.3.3).
enum ClientFetches {
    static let all: [FetchKeyword] = addresses + connection + tcp + listener

    private static func address(
        _ name: String, _ side: AddressSide, _ source: SampleSource, _ documentation: String,
        type: SampleType = .ipv4
    ) -> FetchKeyword {
        FetchKeyword(name, .none, type, source, section: "7.3.3", documentation) { scope, _ in
            Sample(scope.address(side))
        }
    }

    private static func port(
        _ name: String, _ side: AddressSide, _ source: SampleSource, _ documentation: String
    ) -> FetchKeyword {
        FetchKeyword(name, .none, .integer, source, section: "7.3.3", documentation) { scope, _ in
            let address = scope.address(side)
            return address.ipv4 != nil || address.ipv6 != nil ? Sample(Int64(address.port)) : nil
        }
    }

    private static func isLocal(_ name: String, _ side: AddressSide, _ documentation: String) -> FetchKeyword {
        FetchKeyword(name, .none, .boolean, .clientConnection, section: "7.3.3", documentation) { scope, _ in
            scope.isLocal(side).map { Sample($0) }
        }
    }

    private static let addresses: [FetchKeyword] = [
        address("src", .source, .clientConnection, "Address of the client"),
        port("src_port", .source, .clientConnection, "Port of the client"),
        isLocal("src_is_local", .source, "Whether the client's address is this machine's"),
        address("dst", .destination, .clientConnection, "Local address that the client connected to"),
        port("dst_port", .destination, .clientConnection, "Local port that the client connected to"),
        isLocal("dst_is_local", .destination, "Whether the address that the client connected to is this machine's"),
        address("fc_src", .clientSource, .clientConnection, "Address of the client, as the connection has it"),
        port("fc_src_port", .clientSource, .clientConnection, "Port of the client, as the connection has it"),
        isLocal("fc_src_is_local", .clientSource, "Whether the connection's source is this machine's"),
        address("fc_dst", .clientDestination, .clientConnection, "Destination, as the client's connection has it"),
        port("fc_dst_port", .clientDestination, .clientConnection, "Port of it, as the client's connection has it"),
        isLocal("fc_dst_is_local", .clientDestination, "Whether the connection's destination is this machine's"),
        // HAProxy says integer for these two; the value is an address all the same.
        address("bc_dst", .serverDestination, .serverConnection, "Address of the server's end", type: .integer),
        port("bc_dst_port", .serverDestination, .serverConnection, "Port of the server's end"),
        address("bc_src", .serverSource, .serverConnection, "Local address of the connection", type: .integer),
        port("bc_src_port", .serverSource, .serverConnection, "Local port of the connection to the server"),
    ]

    /// A connection that carries a stream has no error, and none comes with a PROXY protocol header.
    private static let connection: [FetchKeyword] = [
        FetchKeyword("fc_err", .none, .integer, .clientConnection, section: "7.3.3", "Number of its error; 0") {
            scope, _ in
            scope.number(.frontendID) != nil ? Sample(0) : nil
        },
        FetchKeyword(
            "fc_err_str", .none, .string, .clientConnection, section: "7.3.3", "Its error in words: Success"
        ) { scope, _ in
            scope.number(.frontendID) != nil ? Sample(literal: "Success") : nil
        },
        FetchKeyword(
            "fc_http_major", .none, .integer, .clientConnection, section: "7.3.3",
            "Major version of HTTP on the client's connection"
        ) { scope, _ in
            scope.number(.clientMajorVersion).map { Sample($0) }
        },
        FetchKeyword(
            "fc_rcvd_proxy", .none, .boolean, .clientConnection, section: "7.3.3",
            "Whether the client sent a PROXY protocol header"
        ) { scope, _ in
            scope.number(.frontendID) != nil ? Sample(false) : nil
        },
        FetchKeyword(
            "bc_http_major", .none, .integer, .serverConnection, section: "7.3.3",
            "Major version of HTTP on the server's connection"
        ) { scope, _ in
            scope.number(.serverMajorVersion).map { Sample($0) }
        },
        FetchKeyword("bc_err", .none, .integer, .serverConnection, section: "7.3.3", "Number of its error; 0") {
            scope, _ in
            scope.number(.serverMajorVersion) != nil ? Sample(0) : nil
        },
        FetchKeyword(
            "bc_err_str", .none, .string, .serverConnection, section: "7.3.3", "Its error in words: Success"
        ) { scope, _ in
            scope.number(.serverMajorVersion) != nil ? Sample(literal: "Success") : nil
        },
    ]

    /// Times have a unit, `us` by default or `ms`.
    private static func tcp(_ name: String, _ fact: TCPNumber, _ documentation: String) -> FetchKeyword {
        let isTime = fact == .roundTripTime || fact == .roundTripTimeVariance
        return FetchKeyword(
            name, ArgumentShape([], optional: [.string]), .integer, .clientConnection, section: "7.3.3", documentation,
            prepare: { arguments, _ throws(ArgumentFailure) in
                guard isTime else { return nil }
                switch String(decoding: arguments.string(0), as: UTF8.self) {
                case "", "us": return TimeUnit(1)
                case "ms": return TimeUnit(1000)
                case let other: throw ArgumentFailure(0, "'us' or 'ms' is expected, not '\(other)'")
                }
            }
        ) { scope, arguments in
            guard let value = scope.tcpNumber(fact) else { return nil }
            return Sample(isTime ? value / (arguments.made(TimeUnit.self)?.microseconds ?? 1) : value)
        }
    }

    private static let tcp: [FetchKeyword] = [
        tcp("fc_rtt", .roundTripTime, "Round trip time of the client's connection"),
        tcp("fc_rttvar", .roundTripTimeVariance, "How much that varies"),
        tcp("fc_unacked", .unacknowledged, "Segments sent to the client and not acknowledged"),
        tcp("fc_sacked", .selectivelyAcknowledged, "Segments acknowledged out of order"),
        tcp("fc_retrans", .retransmissions, "Segments being sent again"),
        tcp("fc_fackets", .forwardAcknowledgements, "Segments acknowledged ahead"),
        tcp("fc_lost", .lost, "Segments that were lost"),
        tcp("fc_reordering", .reordering, "How far segments come out of order"),
    ]

    private static func number(
        _ name: String, _ fact: StreamNumber, _ source: SampleSource, _ documentation: String
    ) -> FetchKeyword {
        FetchKeyword(name, .none, .integer, source, section: "7.3.3", documentation) { scope, _ in
            scope.number(fact).map { Sample($0) }
        }
    }

    private static func text(
        _ name: String, _ fact: StreamText, _ source: SampleSource, _ documentation: String
    ) -> FetchKeyword {
        FetchKeyword(name, .none, .string, source, section: "7.3.3", documentation) { scope, _ in scope.text(fact) }
    }

    private static let listener: [FetchKeyword] = [
        number("dst_conn", .listenerConnections, .listener, "Connections through the same listener now"),
        number("fe_client_timeout", .clientTimeout, .listener, "The frontend's client timeout in milliseconds"),
        number("fe_id", .frontendID, .listener, "The frontend's id"),
        text("fe_name", .frontendName, .listener, "The frontend's name"),
        text("fe_defbe", .defaultBackendName, .listener, "Name of the frontend's default backend"),
        number("so_id", .listenerID, .listener, "The listener's id"),
        text("so_name", .listenerName, .listener, "The listener's name"),
        number("be_id", .backendID, .backend, "The backend's id"),
        text("be_name", .backendName, .backend, "The backend's name"),
        number("be_server_timeout", .serverTimeout, .backend, "The backend's server timeout in milliseconds"),
        number("be_tunnel_timeout", .tunnelTimeout, .backend, "The backend's tunnel timeout in milliseconds"),
        number("cur_server_timeout", .currentServerTimeout, .backend, "The stream's server timeout in milliseconds"),
        number("cur_tunnel_timeout", .currentTunnelTimeout, .backend, "The stream's tunnel timeout in milliseconds"),
        number("srv_id", .serverID, .server, "The server's id"),
        text("srv_name", .serverName, .server, "The server's name"),
    ]
}
