import Base
import Testing

@testable import Configuration

@Suite("11 Address formats")
struct AddressTests {
    private func parse(_ text: String, _ rules: AddressParser.Rules) -> String {
        do {
            let spec = try AddressParser(Array(text.utf8), rules: rules).parse()
            return "\(describe(spec.host)) \(describe(spec.port))" + (spec.family == .any ? "" : " \(spec.family)")
                + (spec.transport == .stream ? "" : " datagram")
        } catch {
            return "error: \(error.message)"
        }
    }

    private func describe(_ host: AddressSpec.Host) -> String {
        switch host {
        case .ipv4(let address): "v4:" + String(address.value, radix: 16)
        case .ipv6(let address): "v6:" + String(address.high, radix: 16) + ":" + String(address.low, radix: 16)
        case .name(let name): "name:\(name)"
        case .unix(let path): "unix:\(path)"
        case .abstract(let name): "abns:\(name)"
        case .fileDescriptor(let number): "fd:\(number)"
        case .socketPair(let number): "pair:\(number)"
        }
    }

    private func describe(_ port: AddressSpec.Port) -> String {
        switch port {
        case .none: "-"
        case .fixed(let port): "\(port)"
        case .range(let low, let high): "\(low)-\(high)"
        case .offset(let offset): "offset \(offset)"
        }
    }

    @Test(
        "addresses to listen on",
        arguments: [
            ("127.0.0.1:80", "v4:7f000001 80"), ("*:80", "v4:0 80"), (":80", "v4:0 80"), (":::443", "v6:0:0 443"),
            ("::1:80", "v6:0:1 80"), ("[::1]:80", "v6:0:1 80"), ("[::]:80-89", "v6:0:0 80-89"), (":80-80", "v4:0 80"),
            ("2001:db8::5:443", "v6:20010db800000000:5 443"), ("::ffff:10.0.0.1:80", "v6:0:ffff0a000001 80"),
            ("localhost:80", "name:localhost 80"), ("ipv4@:80", "v4:0 80 ipv4"), ("ipv6@:80", "v6:0:0 80 ipv6"),
            ("ipv6@localhost:80", "name:localhost 80 ipv6"), ("ip@127.0.0.1:80", "v4:7f000001 80"),
            ("tcp@127.0.0.1:80", "v4:7f000001 80"), ("tcp4@:80", "v4:0 80 ipv4"),
            ("stream+ipv4@127.0.0.1:80", "v4:7f000001 80 ipv4"), ("/run/x.sock", "unix:/run/x.sock -"),
            ("unix@x.sock", "unix:x.sock -"), ("uxst@/x", "unix:/x -"), ("abns@name", "abns:name -"),
            ("fd@5", "fd:5 -"), ("sockpair@4", "pair:4 -"), ("/with@sign", "unix:/with@sign -"),
        ])
    func binds(text: String, expected: String) {
        #expect(parse(text, .bind) == expected)
    }

    @Test(
        "addresses of servers",
        arguments: [
            ("127.0.0.1", "v4:7f000001 -"), ("127.0.0.1:80", "v4:7f000001 80"), ("127.0.0.1:", "v4:7f000001 -"),
            (":80", "v4:0 80"), ("*", "v4:0 -"), ("127.0.0.1:+80", "v4:7f000001 offset 80"),
            ("127.0.0.1:-80", "v4:7f000001 offset -80"), ("www.example.com:8080", "name:www.example.com 8080"),
            ("[2001:db8::1]", "v6:20010db800000000:1 -"), ("127.0.0.1:0", "v4:7f000001 0"),
            ("/run/app.sock", "unix:/run/app.sock -"),
        ])
    func servers(text: String, expected: String) {
        #expect(parse(text, .server) == expected)
    }

    @Test("syslog takes datagrams")
    func logs() {
        #expect(parse("udp@127.0.0.1:514", .log) == "v4:7f000001 514 datagram")
        #expect(parse("/dev/log", .log) == "unix:/dev/log - datagram")
        #expect(
            parse("tcp@127.0.0.1:514", .log)
                == "error: a log target over a stream ('tcp@127.0.0.1:514') is known to HAProxy but not "
                + "supported by this version of Martlet"
        )
    }

    @Test(
        "what is no address to listen on",
        arguments: [
            (":", "missing port in ':'"), ("1.2.3.4", "missing port in '1.2.3.4'"), (":99999", "invalid port '99999'"),
            (":0", "invalid port '0'"), (":80-70", "invalid port range '80-70'"), (":80-", "invalid port '80-'"),
            (":+80", "a port offset cannot be used here: ':+80'"), ("foo@bar:1", "unknown address prefix 'foo@'"),
            ("udp@:80", "a datagram address cannot be used here: 'udp@:80'"),
            ("quic4@:443", "address prefix 'quic4@' is known to HAProxy but not supported by this version of Martlet"),
            ("fd@x", "file descriptor 'x' is no valid number"), ("fd@", "file descriptor '' is no valid number"),
            ("abns@", "missing name after 'abns@'"), ("unix@", "missing path after 'unix@'"),
            ("[::1:80", "missing ']' in '[::1:80'"), ("[::g]:80", "invalid IPv6 address '::g' in '[::g]:80'"),
            ("1.2.3:80", "invalid address '1.2.3' in '1.2.3:80'"), ("a b:80", "invalid address 'a b' in 'a b:80'"),
            ("ipv6@1.2.3.4:80", "'1.2.3.4' is no IPv6 address"), ("", "missing address"),
        ])
    func refused(text: String, expected: String) {
        #expect(parse(text, .bind) == "error: \(expected)")
    }

    @Test("a server takes no range and no descriptor")
    func refusedServers() {
        #expect(parse("127.0.0.1:80-90", .server) == "error: a port range cannot be used here: '127.0.0.1:80-90'")
        #expect(parse("fd@5", .server) == "error: a file descriptor cannot be used here: 'fd@5'")
    }

    @Test(
        "IPv6 text",
        arguments: [
            ("::", true), ("::1", true), ("1::", true), ("1:2:3:4:5:6:7:8", true), ("1:2:3:4:5:6:7::", true),
            ("::2:3:4:5:6:7:8", true), ("::ffff:1.2.3.4", true), ("1:2:3:4:5:6:1.2.3.4", true), (":", false),
            (":::", false), ("1::2::3", false), ("1:2:3:4:5:6:7", false), ("1:2:3:4:5:6:7:8:9", false),
            ("1:2:3:4::5:6:7:8", false), ("12345::", false), ("1:", false), (":1", false), ("::1.2.3", false),
            ("1.2.3.4::", false), ("g::", false), ("", false),
        ])
    func ipv6(text: String, isAddress: Bool) {
        #expect((IPText.ipv6(Array(text.utf8)) != nil) == isAddress)
    }

    @Test("networks, with the manual's abbreviations")
    func networks() {
        func network(_ text: String) -> IPNetwork? { IPText.network(Array(text.utf8)) }
        #expect(network("10.12/8") == .ipv4(IPv4Address(value: 0x0a00_000c), mask: 0xff00_0000))
        #expect(network("192.168.1") == .ipv4(IPv4Address(value: 0xc0a8_0001), mask: .max))
        #expect(network("127.1") == .ipv4(IPv4Address(value: 0x7f00_0001), mask: .max))
        #expect(network("10.0.0.0/255.0.0.0") == .ipv4(IPv4Address(value: 0x0a00_0000), mask: 0xff00_0000))
        #expect(network("0.0.0.0/0") == .ipv4(.any, mask: 0))
        #expect(network("2001:db8::/32") == .ipv6(IPv6Address(high: 0x2001_0db8_0000_0000, low: 0), prefixLength: 32))
        for text in ["", "/8", "1.2.3.4/33", "1.2.3.4/", "::/129", "1.2.3.4/x", "300.1.1.1", "foo.example"] {
            #expect(network(text) == nil, "\(text)")
        }
    }
}
