import Base

/// Fetches of the client's connection (manual, section 7.3.3).
enum ClientFetches {
    static let all: [FetchKeyword] = [
        FetchKeyword("src", .none, .ipv4, .clientConnection, section: "7.3.3", "Address of the client") { scope, _ in
            Sample(scope.address(.source))
        },
        FetchKeyword("src_port", .none, .integer, .clientConnection, section: "7.3.3", "Port of the client") {
            scope, _ in
            port(scope.address(.source))
        },
        FetchKeyword(
            "dst", .none, .ipv4, .clientConnection, section: "7.3.3", "Local address that the client connected to"
        ) { scope, _ in
            Sample(scope.address(.destination))
        },
        FetchKeyword(
            "dst_port", .none, .integer, .clientConnection, section: "7.3.3", "Local port that the client connected to"
        ) { scope, _ in
            port(scope.address(.destination))
        },
    ]

    static func port(_ address: SocketAddress) -> Sample? {
        address.ipv4 != nil || address.ipv6 != nil ? Sample(Int64(address.port)) : nil
    }
}
