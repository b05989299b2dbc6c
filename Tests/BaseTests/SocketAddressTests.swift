import Glibc
import Testing

@testable import Base

@Suite("SocketAddress")
struct SocketAddressTests {
    @Test("an IPv4 address keeps its bytes and its port")
    func ipv4() throws {
        var address = SocketAddress(ipv4: 0x7F00_0001, port: 8080)
        #expect(address.family == .ipv4 && address.nativeFamily == AF_INET)
        #expect(address.ipv4 == 0x7F00_0001 && address.port == 8080 && address.ipv6 == nil && address.path == nil)
        #expect(address.description == "127.0.0.1:8080" && address.host == "127.0.0.1")
        address.port = 1
        #expect(address.description == "127.0.0.1:1")
        #expect(address == SocketAddress(numeric: "127.0.0.1", port: 1))
    }

    @Test(
        "IPv6 is printed as RFC 5952 wants it",
        arguments: [
            "::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1",
            "::ffff:10.0.0.1", "fe80::1:2", "1:2:3:4:5:6:7:8",
        ])
    func ipv6(_ text: String) throws {
        let address = try #require(SocketAddress(numeric: text, port: 443))
        #expect(address.family == .ipv6 && address.port == 443)
        #expect(address.host == text)
        #expect(address.description == "[\(text)]:443")
    }

    @Test("other spellings of an IPv6 address are the same address")
    func spellings() {
        #expect(SocketAddress(numeric: "2001:DB8:0::0001", port: 0)?.host == "2001:db8::1")
        #expect(SocketAddress(numeric: "::1", port: 0)?.ipv6?.low == 1)
        #expect(SocketAddress(numeric: "::1", port: 0) == SocketAddress(ipv6: 0, 1, port: 0))
        #expect(SocketAddress(numeric: "fe80::1%lo", port: 0)?.scope == 1)
        #expect(SocketAddress(numeric: "fe80::1%7", port: 0)?.scope == 7)
    }

    @Test(
        "what is no numeric address is none", arguments: ["", "1.2.3", "1.2.3.256", ":::", "host", "::1%", "1.2.3.4 "])
    func notNumeric(_ text: String) {
        #expect(SocketAddress(numeric: text, port: 1) == nil)
    }

    @Test("a unix path, and its limits")
    func unix() throws {
        let address = try #require(SocketAddress(unixPath: "/tmp/socket"))
        #expect(address.family == .unix && address.path == "/tmp/socket" && address.port == 0)
        #expect(address.description == "unix:/tmp/socket" && address.sizeBytes == 2 + 11 + 1)
        #expect(SocketAddress(unixPath: "") == nil)
        #expect(SocketAddress(unixPath: "a\0b") == nil)
        #expect(SocketAddress(unixPath: String(repeating: "a", count: 107)) != nil)
        #expect(SocketAddress(unixPath: String(repeating: "a", count: 108)) == nil)
    }

    @Test("a name in abstract space")
    func abstract() throws {
        let address = try #require(SocketAddress(abstractName: "name"))
        #expect(address.family == .abstract && address.path == "name" && address.sizeBytes == 2 + 1 + 4)
        #expect(address.description == "abns:name")
        #expect(SocketAddress(abstractName: String(repeating: "a", count: 108)) == nil)
    }

    @Test("addresses of different kinds differ, and equal ones hash alike")
    func equality() {
        let one = SocketAddress(ipv4: 1, port: 2)
        #expect(one != SocketAddress(ipv4: 1, port: 3) && one != SocketAddress(ipv4: 2, port: 2))
        #expect(one != SocketAddress(ipv6: 0, 1, port: 2))
        #expect(Set([one, SocketAddress(ipv4: 1, port: 2)]).count == 1)
        #expect(SocketAddress().family == .unspecified && SocketAddress() != one)
    }

    @Test("networks hold the addresses of their prefix, and no other family")
    func networks() throws {
        let address = try #require(SocketAddress(numeric: "10.1.2.3", port: 9))
        let network = try #require(SocketAddress(numeric: "10.1.0.0", port: 0))
        #expect(address.isWithin(network, prefixBits: 16) && !address.isWithin(network, prefixBits: 24))
        #expect(address.isWithin(network, prefixBits: 0) && !address.isWithin(network, prefixBits: 32))
        let six = try #require(SocketAddress(numeric: "2001:db8::5", port: 0))
        let around = try #require(SocketAddress(numeric: "2001:db8::", port: 0))
        #expect(six.isWithin(around, prefixBits: 64) && six.isWithin(around, prefixBits: 125))
        #expect(!six.isWithin(around, prefixBits: 126) && !six.isWithin(network, prefixBits: 0))
        #expect(address.masked(ipv4Bits: 24, ipv6Bits: 64).host == "10.1.2.0")
        #expect(six.masked(ipv4Bits: 24, ipv6Bits: 48).host == "2001:db8::")
    }
}
