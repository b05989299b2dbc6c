import HTTP
import Testing

/// RFC 9112 section 5, RFC 9110 sections 5.1 and 5.5.
@Suite struct FieldTests {
    @Test func whiteSpaceAroundAValueIsNotPartOfIt() {
        let parsed = request(requestText("A:b", "C:\t  d e \t ", "F:", "G:   ", "h: i\tj"))
        #expect(parsed.fields == ["host: a", "a: b", "c: d e", "f: ", "g: ", "h: i\tj"])
    }

    @Test func obsTextIsKeptAsItIs() {
        let parsed = request(requestText("X: a\u{FF}\u{80}b"))
        #expect(parsed.head.valueBytes(1) == [0x61, 0xFF, 0x80, 0x62])
    }

    @Test(arguments: [
        ("Host : a", HTTPParseError.Kind.spaceBeforeColon), ("X\t: a", .spaceBeforeColon), (": a", .badFieldName),
        ("X", .missingColon), ("X@: a", .badFieldName), ("X\u{E9}: a", .badFieldName), ("X\u{0}: a", .badFieldName),
        ("(X): a", .badFieldName), ("X: a\r\n b", .obsoleteFolding), ("X: a\r\n\tb", .obsoleteFolding),
        ("X: a\rb", .bareCR), ("X: \r\r", .bareCR), ("X: a\u{0}", .badFieldValue), ("X: a\u{1}", .badFieldValue),
        ("X: a\u{7F}", .badFieldValue), ("X: \u{1F}aaaaaaaaaaaaaaaaaa", .badFieldValue),
        ("X: aaaaaaaaaaaaaaaaaaaaa\u{B}", .badFieldValue),
    ])
    func aMalformedFieldIsRefused(_ field: String, _ kind: HTTPParseError.Kind) {
        #expect(refusal("GET / HTTP/1.1\r\nA: b\r\n\(field)\r\n\r\n") == kind)
    }

    /// `option accept-invalid-http-request`: every byte in a name and in a target.
    @Test func whatBreaksNoMessageApartPassesWhereItIsAskedFor() {
        var limits = HTTPLimits()
        limits.acceptsInvalid = true
        for byte in UInt8.min...UInt8.max {
            let character = String(UnicodeScalar(byte))
            let isHarmless = byte > 0x20 && byte != 0x7F
            let field = refusal("GET / HTTP/1.1\r\nHost: a\r\nX\(character)Y: b\r\n\r\n", limits: limits)
            #expect((field == nil) == isHarmless, "name with \(byte)")
            let target = refusal("GET /\(character) HTTP/1.1\r\nHost: a\r\n\r\n", limits: limits)
            #expect((target == nil) == isHarmless, "target with \(byte)")
        }
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", limits: limits) == .badFieldName)
    }

    @Test func aFoldBeforeTheFirstFieldIsRefused() {
        #expect(refusal("GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n") == .obsoleteFolding)
    }

    @Test func theErrorTellsTheByte() {
        let parsed = ParsedHead("GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n".bytes)
        #expect(parsed.result == .failed(HTTPParseError(.spaceBeforeColon, at: 26)))
    }

    /// Every byte at every place of eight of a value, so that the eight-at-a-time scan and the byte-wise one agree with
    /// the grammar.
    @Test func everyByteOfAValueIsJudgedAlikeAtEveryPlace() {
        for byte in UInt8.min...UInt8.max where byte != 0x0A && byte != 0x0D {
            let isLegal = byte == 0x09 || (byte >= 0x20 && byte != 0x7F)
            for place in 0..<10 {
                var value = [UInt8](repeating: UInt8(ascii: "v"), count: 11)
                value[place] = byte
                let input = "GET / HTTP/1.1\r\nHost: a\r\nX: ".bytes + value + "\r\n\r\n".bytes
                let parsed = ParsedHead(input)
                guard case .failed(let error) = parsed.result else {
                    #expect(isLegal, "byte \(byte)")
                    continue
                }
                #expect(!isLegal && error.position == 28 + place, "byte \(byte)")
            }
        }
    }

    /// Every byte at every place of a long name, so that the eight-at-a-time scan and the byte-wise one agree.
    @Test func everyByteOfANameIsJudgedAlikeAtEveryPlace() {
        for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: ":") && byte != 0x0A {
            for place in 0..<20 {
                var name = "Content-Length-0123456789".bytes
                name[place] = byte
                let parsed = ParsedHead("GET / HTTP/1.1\r\nHost: a\r\n".bytes + name + ": v\r\n\r\n".bytes)
                guard case .failed(let error) = parsed.result else {
                    #expect(HTTPCharacters.isTokenByte(byte), "byte \(byte)")
                    continue
                }
                #expect(!HTTPCharacters.isTokenByte(byte) && error.position == 25 + place, "byte \(byte)")
            }
        }
    }

    @Test func everyByteOfANameIsJudgedByTheGrammar() {
        let token = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: ":") {
            let input = "GET / HTTP/1.1\r\nHost: a\r\nX".bytes + [byte] + "Y: a\r\n\r\n".bytes
            let isAccepted = if case .complete = ParsedHead(input).result { true } else { false }
            #expect(isAccepted == token.contains(byte), "byte \(byte)")
        }
    }

    @Test func namesAreComparedWithoutCase() {
        let head = request(requestText("X-Foo: 1", "CONTENT-TYPE: t", "x-foo: 2")).head
        #expect(head.index(named: "x-FOO") == 1)
        #expect(head.index(named: "x-FOO", from: 2) == 3)
        #expect(head.last(named: "x-FOO") == 3)
        #expect(head.last(named: "x-FOO", before: 3) == 1)
        #expect(head.firstText(of: .contentType) == "t")
        #expect(!head.has(.via))
    }
}

@Suite struct KnownHeaderTests {
    @Test(arguments: KnownHeader.allCases)
    func everyKnownNameFindsItself(_ header: KnownHeader) {
        let name = "\(header.name)"
        #expect(known(name.bytes) == header)
        #expect(known(name.uppercased().bytes) == header)
    }

    @Test(arguments: KnownHeader.allCases)
    func aNameThatDiffersInOneLetterIsAnother(_ header: KnownHeader) {
        let name = "\(header.name)".bytes
        for index in name.indices {
            var other = name
            other[index] = UInt8(ascii: "_")
            #expect(known(other) == .other)
        }
    }

    /// Control characters and others that differ from a letter, a digit or `-` in one bit are among them.
    @Test(arguments: KnownHeader.allCases)
    func noOtherByteStandsForOneOfAName(_ header: KnownHeader) {
        let name = "\(header.name)".bytes
        for index in name.indices {
            let alike = [name[index], String(UnicodeScalar(name[index])).uppercased().bytes[0]]
            let taken = (UInt8.min...UInt8.max).filter { byte in
                var other = name
                other[index] = byte
                return known(other) == header
            }
            #expect(Set(taken) == Set(alike), "\(header), place \(index)")
        }
    }

    /// The bits of `present` are a 64-bit word.
    @Test func thereIsABitForEachKnownHeader() { #expect(KnownHeader.allCases.count <= 64) }
}

@Suite struct LimitTests {
    @Test func aHeadThatIsTooLargeIsRefusedAtTheSameByteHoweverItArrives() {
        let limits = HTTPLimits(headBytes: 100)
        let long = String(repeating: "x", count: 200)
        #expect(refusal("GET /\(long)", limits: limits) == .targetTooLong)
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)", limits: limits) == .headTooLarge)
        #expect(HTTPParseError.Kind.targetTooLong.status.code == 414)
        #expect(HTTPParseError.Kind.headTooLarge.status.code == 431)
    }

    @Test func aHeadOfExactlyTheLimitIsAccepted() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 68))\r\n\r\n"
        #expect(text.utf8.count == 100)
        #expect(refusal(text, limits: HTTPLimits(headBytes: 100)) == nil)
        #expect(refusal(text, limits: HTTPLimits(headBytes: 99)) == .headTooLarge)
    }

    @Test func thereAreAtMost101Fields() {
        let fields = { (count: Int) in String(repeating: "X: y\r\n", count: count) }
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\n\(fields(100))\r\n") == nil)
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\n\(fields(101))\r\n") == .tooManyFields)
        #expect(HTTPParseError.Kind.tooManyFields.status.code == 431)
    }

    @Test func everyKindOfErrorHasAStatusAndAText() {
        for kind in HTTPParseError.Kind.allCases {
            #expect([400, 414, 431, 501, 505].contains(kind.status.code))
            #expect(kind.text.utf8CodeUnitCount > 0)
        }
    }
}
