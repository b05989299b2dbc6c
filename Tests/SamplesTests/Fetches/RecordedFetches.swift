/// What HAProxy 2.6.12 answered: requests, expressions, and the values cast to bytes, in hexadecimal digits.
///
/// Taken from Debian's binary with `http-request set-var(txn.x) <expression>` and `%[var(txn.x,NONE),hex]`.
enum RecordedFetches {
    struct Case: Sendable {
        let request: String
        /// The body, without the framing of its chunks.
        var body = ""
        let values: [(expression: String, hex: String?)]
    }

    static let cases: [Case] = [
        Case(
            request: """
                GET /a/b.html?x=1&y=two;z=3&x=4&empty=&flag HTTP/1.1\r
                Host: www.Example.com:8080\r
                X-List: one, two ,three\r
                X-List: four,"q,r",,six\r
                Cookie: a=1; b="x;y"; a=2; c=; d\r
                Cookie: a=3\r
                X-IP: 10.1.2.3, [2001:db8::1]:80, 1.2.3.4:99, junk\r
                X-N: 12, -7, 3abc, abc\r
                Authorization: Basic dXNlcjpwYTpzcw==\r
                User-Agent: u, v\r
                Connection: close\r
                \r

                """,
            values: [
                ("path", "2f612f622e68746d6c"),
                ("pathq", "2f612f622e68746d6c3f783d3126793d74776f3b7a3d3326783d3426656d7074793d26666c6167"),
                ("query", "783d3126793d74776f3b7a3d3326783d3426656d7074793d26666c6167"),
                ("url", "2f612f622e68746d6c3f783d3126793d74776f3b7a3d3326783d3426656d7074793d26666c6167"),
                ("base", "7777772e4578616d706c652e636f6d3a383038302f612f622e68746d6c"),
                (
                    "baseq",
                    "7777772e4578616d706c652e636f6d3a383038302f612f622e68746d6c3f783d3126793d"
                        + "74776f3b7a3d3326783d3426656d7074793d26666c6167"
                ),
                ("base32", "00000000d4a8bca9"),
                ("base32+src", "d4a8bca97f000001"),
                ("url32", "0000000048b08e31"),
                ("url32+src", "48b08e317f000001"),
                ("url_ip", nil),
                ("url_port", nil),
                ("method", "474554"),
                ("req.ver", "312e31"),
                ("req_ver", "312e31"),
                ("urlp(x)", "31"),
                ("urlp(y)", "74776f"),
                ("urlp(z)", "33"),
                ("urlp(empty)", ""),
                ("urlp(flag)", nil),
                ("urlp(none)", nil),
                ("urlp", "31"),
                ("urlp_val(x)", "0000000000000001"),
                ("urlp_val(y)", "0000000000000000"),
                ("url_param(x)", "31"),
                ("urlp(z,;)", "33"),
                ("req.hdr(x-list)", "736978"),
                ("req.hdr(x-list,1)", "6f6e65"),
                ("req.hdr(x-list,2)", "74776f"),
                ("req.hdr(x-list,3)", "7468726565"),
                ("req.hdr(x-list,4)", "666f7572"),
                ("req.hdr(x-list,5)", "22712c7222"),
                ("req.hdr(x-list,6)", ""),
                ("req.hdr(x-list,7)", "736978"),
                ("req.hdr(x-list,8)", nil),
                ("req.hdr(x-list,-1)", "736978"),
                ("req.hdr(x-list,-2)", ""),
                ("req.hdr(x-list,-3)", "22712c7222"),
                ("req.hdr(x-list,-9)", nil),
                ("req.hdr(none)", nil),
                ("req.fhdr(x-list)", "666f75722c22712c72222c2c736978"),
                ("req.fhdr(x-list,1)", "6f6e652c2074776f202c7468726565"),
                ("req.fhdr(x-list,-2)", "6f6e652c2074776f202c7468726565"),
                ("req.fhdr_cnt(x-list)", "0000000000000002"),
                ("req.hdr_cnt(x-list)", "0000000000000007"),
                ("req.hdr_cnt(none)", "0000000000000000"),
                ("hdr(x-list,2)", "74776f"),
                ("hdr_cnt(x-list)", "0000000000000007"),
                ("req.hdr", nil),
                ("req.hdr_ip(x-ip)", nil),
                ("req.hdr_ip(x-ip,1)", "0a010203"),
                ("req.hdr_ip(x-ip,2)", nil),
                ("req.hdr_ip(x-ip,3)", "01020304"),
                ("req.hdr_val(x-n)", "0000000000000000"),
                ("req.hdr_val(x-n,1)", "000000000000000c"),
                ("req.hdr_val(x-n,2)", "fffffffffffffff9"),
                ("req.hdr_val(x-n,3)", "0000000000000003"),
                ("req.cook(a)", "33"),
                ("req.cook(b)", "22783b7922"),
                ("req.cook(c)", ""),
                ("req.cook(d)", nil),
                ("req.cook(none)", nil),
                ("req.cook", "31"),
                ("req.cook_cnt(a)", "0000000000000003"),
                ("req.cook_cnt", "0000000000000005"),
                ("req.cook_cnt(none)", "0000000000000000"),
                ("req.cook_val(a)", "0000000000000003"),
                ("cookie(a)", "33"),
                ("cook(a)", "33"),
                ("http_auth_user", "75736572"),
                ("http_auth_pass", "70613a7373"),
                ("http_auth_type", "4261736963"),
                ("http_auth_bearer", nil),
                ("http_first_req", "0000000000000001"),
                ("req.proto_http", "0000000000000001"),
                ("req.body", ""),
                ("req.body_len", "0000000000000000"),
                ("req.body_size", "0000000000000000"),
                ("req.body_param(a)", nil),
                ("src", "7f000001"),
                ("dst", "7f000001"),
                ("fc_src", "7f000001"),
                ("fc_dst", "7f000001"),
                ("bin(4142)", "4142"),
                ("bool(TRUE)", "0000000000000001"),
                ("bool(0)", "0000000000000000"),
                ("int(-5)", "fffffffffffffffb"),
                ("ipv4(1.2.3.4)", "01020304"),
                ("ipv6(::1)", "00000000000000000000000000000001"),
                ("meth(GET)", "474554"),
                ("str(abc)", "616263"),
            ]),
        Case(
            request: """
                POST http://10.0.0.1:8080/p?q=1 HTTP/1.1\r
                Host: 10.0.0.1:8080\r
                Content-Length: 23\r
                Content-Type: application/x-www-form-urlencoded\r
                Proxy-Authorization: Bearer abc.def\r
                Authorization: Bearer  tok en\r
                \r

                """,
            body: "a=1&b=two&a=3;c=4&e=&ff",
            values: [
                ("path", "2f70"),
                ("pathq", "2f703f713d31"),
                ("query", "713d31"),
                ("url", "687474703a2f2f31302e302e302e313a383038302f703f713d31"),
                ("base", "31302e302e302e313a383038302f70"),
                ("baseq", "31302e302e302e313a383038302f703f713d31"),
                ("url_ip", "0a000001"),
                ("url_port", "0000000000001f90"),
                ("req.body", "613d3126623d74776f26613d333b633d3426653d266666"),
                ("req.body_len", "0000000000000017"),
                ("req.body_size", "0000000000000017"),
                ("req.body_param(a)", "31"),
                ("req.body_param(b)", "74776f"),
                ("req.body_param(e)", ""),
                ("req.body_param(ff)", nil),
                ("req.body_param", "31"),
                ("req.body_param(c)", "34"),
                ("http_auth_bearer", "746f6b20656e"),
                ("http_auth_bearer(Authorization)", "746f6b20656e"),
                ("http_auth_type", "426561726572"),
                ("http_auth_user", nil),
                ("base32", "00000000ceb8c9f7"),
                ("url32", "00000000c454744a"),
                ("method", "504f5354"),
            ]),
        Case(
            request: """
                GET /x? HTTP/1.0\r
                \r

                """,
            values: [
                ("path", "2f78"),
                ("pathq", "2f783f"),
                ("query", ""),
                ("url", "2f783f"),
                ("base", "2f78"),
                ("base32", "000000008b85ce0b"),
                ("url32", "00000000a7f93027"),
                ("req.ver", "312e30"),
                ("req.hdr_cnt", "0000000000000000"),
                ("req.hdr_names", ""),
                ("req.hdrs", "0d0a"),
                ("req.hdr", nil),
                ("url_ip", nil),
                ("url_port", nil),
                ("req.cook", nil),
                ("urlp(x)", nil),
                ("http_auth_type", nil),
                ("method", "474554"),
            ]),
        Case(
            request: """
                OPTIONS * HTTP/1.1\r
                Host: h\r
                \r

                """,
            values: [
                ("path", nil),
                ("pathq", nil),
                ("query", nil),
                ("url", "2a"),
                ("base", "68"),
                ("baseq", "68"),
                ("base32", "00000000493e5226"),
                ("url32", "00000000493e5226"),
                ("method", "4f5054494f4e53"),
                ("urlp", nil),
            ]),
        Case(
            request: """
                GET http://www.x.org/?a=b&c HTTP/1.1\r
                Host: www.x.org\r
                Cookie: =v; x =1; y= 2 ;z\r
                Cookie: k="a;b\r
                \r

                """,
            values: [
                ("path", "2f"),
                ("pathq", "2f3f613d622663"),
                ("query", "613d622663"),
                ("url", "687474703a2f2f7777772e782e6f72672f3f613d622663"),
                ("base", "7777772e782e6f72672f"),
                ("url_ip", nil),
                ("url_port", nil),
                ("urlp(a)", "62"),
                ("req.cook(x)", "31"),
                ("req.cook(y)", "32"),
                ("req.cook(k)", "22613b62"),
                ("req.cook_cnt", "0000000000000004"),
                ("req.cook", "76"),
            ]),
        Case(
            request: """
                POST /c HTTP/1.1\r
                Host: h\r
                Transfer-Encoding: chunked\r
                \r

                """,
            body: "hello world",
            values: [
                ("req.body", "68656c6c6f20776f726c64"),
                ("req.body_len", "000000000000000b"),
                ("req.body_size", "000000000000000b"),
                ("req.body_param(hello)", nil),
                ("req.hdr(transfer-encoding)", "6368756e6b6564"),
            ]),
    ]
}
