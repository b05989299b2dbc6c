import Base

/// The first packets of an MQTT connection (manual, section 7.3.1, `mqtt_is_valid`; MQTT 3.1.1 and 5.0, chapter 3).
enum MQTTConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "mqtt_is_valid", .none, .type(.binary), .type(.boolean),
            "Whether the bytes are a CONNECT or CONNACK packet of MQTT"
        ) { sample, _, _ in
            switch MQTTPacket.parse(sample.span) {
            case .packet: Sample(true)
            case .invalid: Sample(false)
            case .incomplete: nil
            }
        },
        ConverterKeyword(
            "mqtt_field_value", ArgumentShape([.string, .string]), .type(.binary), .type(.string),
            "A field or property of a CONNECT or CONNACK packet",
            prepare: { arguments, _ throws(ArgumentFailure) in try MQTTField(arguments) }
        ) { sample, scope, arguments in
            guard let field = arguments.made(MQTTField.self), case .packet(let packet) = MQTTPacket.parse(sample.span),
                packet.isAcknowledgement == field.isAcknowledgement
            else { return nil }
            switch packet.find(field.key, sample.span) {
            case .number(let number):
                return scope.scratch.compose { output in
                    output.append(decimal: UInt64(number))
                    return true
                }
            case .bytes(let range):
                var result = sample
                result.narrow(from: range.lowerBound, count: range.count)
                result.retype(.string)
                return result
            case nil: return nil
            }
        },
    ]
}

/// Which field is asked for.
final class MQTTField: Sendable {
    enum Name: String, CaseIterable {
        case flags, protocolName = "protocol_name", protocolVersion = "protocol_version"
        case clientIdentifier = "client_identifier", willTopic = "will_topic", willPayload = "will_payload"
        case username, password, keepalive, reasonCode = "reason_code"
    }

    enum Key: Sendable {
        case name(Name)
        case property(UInt8)
    }

    let isAcknowledgement: Bool
    let key: Key

    private static let connect: [Name] = [
        .flags, .protocolName, .protocolVersion, .clientIdentifier, .willTopic, .willPayload, .username, .password,
        .keepalive,
    ]
    private static let acknowledgement: [Name] = [.flags, .protocolVersion, .reasonCode]

    init(_ arguments: Arguments) throws(ArgumentFailure) {
        switch String(decoding: arguments.string(0), as: UTF8.self).lowercased() {
        case "connect", "1": isAcknowledgement = false
        case "connack", "2": isAcknowledgement = true
        case let other: throw ArgumentFailure(0, "'\(other)' is neither connect nor connack")
        }
        let word = String(decoding: arguments.string(1), as: UTF8.self).lowercased()
        let names = isAcknowledgement ? MQTTField.acknowledgement : MQTTField.connect
        let properties = MQTTPacket.properties(isAcknowledgement: isAcknowledgement)
        if let name = names.first(where: { $0.rawValue == word }) {
            key = .name(name)
        } else if let number = UInt8(word), number == 38 || properties.contains(where: { $0.id == number }) {
            key = .property(number)
        } else {
            throw ArgumentFailure(
                1, "a \(isAcknowledgement ? "CONNACK" : "CONNECT") packet has no field '\(word)'",
                help: "there are " + names.map(\.rawValue).joined(separator: ", ") + ", and numbers of properties")
        }
    }
}

/// A packet, as places in its bytes.
struct MQTTPacket {
    enum Outcome {
        case packet(MQTTPacket)
        case invalid
        /// The packet has not been received whole.
        case incomplete
    }

    enum Value {
        case number(UInt32)
        case bytes(Range<Int>)
    }

    /// What a property's value is made of.
    enum PropertyKind { case byte, word, long, variable, bytes, pair }

    let isAcknowledgement: Bool
    private(set) var version: UInt8 = 4
    private(set) var flags: UInt8 = 0
    private(set) var reasonCode: UInt8 = 0
    private(set) var keepalive: UInt32 = 0
    private(set) var protocolName = 0..<0
    private(set) var clientIdentifier = 0..<0
    private(set) var willTopic = 0..<0
    private(set) var willPayload = 0..<0
    private(set) var username = 0..<0
    private(set) var password = 0..<0
    private var propertyRange = 0..<0
    private var willPropertyRange = 0..<0

    private static let connectProperties: [(id: UInt8, kind: PropertyKind)] = [
        (17, .long), (33, .word), (39, .long), (34, .word), (25, .byte), (23, .byte), (38, .pair), (21, .bytes),
        (22, .bytes),
    ]
    private static let willProperties: [(id: UInt8, kind: PropertyKind)] = [
        (24, .long), (1, .byte), (2, .long), (3, .bytes), (8, .bytes), (9, .bytes), (38, .pair),
    ]
    private static let acknowledgementProperties: [(id: UInt8, kind: PropertyKind)] = [
        (17, .long), (33, .word), (36, .byte), (37, .byte), (39, .long), (18, .bytes), (34, .word), (31, .bytes),
        (38, .pair), (40, .byte), (41, .byte), (42, .byte), (19, .word), (26, .bytes), (28, .bytes), (21, .bytes),
        (22, .bytes),
    ]

    /// What the lower half of the first byte has to be, by the type in the upper half (MQTT 5.0, table 2-2). A PUBLISH
    /// may have any flags there; HAProxy 2.6 knows one with all of them, and none of these packets is valid in the end.
    private static let headFlags: [UInt8?] = [nil, 0, 0, 15, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0]

    static func properties(isAcknowledgement: Bool) -> [(id: UInt8, kind: PropertyKind)] {
        isAcknowledgement ? acknowledgementProperties : connectProperties + willProperties
    }

    static func parse(_ bytes: Span<UInt8>) -> Outcome {
        guard bytes.count >= 2 else { return .incomplete }
        guard headFlags[Int(bytes[0] >> 4)] == bytes[0] & 0x0F else { return .invalid }
        var reader = MQTTReader(index: 1, end: bytes.count)
        guard let length = reader.variable(bytes) else { return bytes.count >= 5 ? .invalid : .incomplete }
        guard Int(length) <= bytes.count - reader.index else { return .incomplete }
        guard bytes[0] == 0x10 || bytes[0] == 0x20 else { return .invalid }
        reader.end = reader.index + Int(length)
        var packet = MQTTPacket(isAcknowledgement: bytes[0] == 0x20)
        let isRead =
            packet.isAcknowledgement
            ? packet.readAcknowledgement(bytes, &reader) : packet.readConnect(bytes, &reader)
        return isRead ? .packet(packet) : .invalid
    }

    private init(isAcknowledgement: Bool) { self.isAcknowledgement = isAcknowledgement }

    private mutating func readConnect(_ bytes: Span<UInt8>, _ reader: inout MQTTReader) -> Bool {
        guard let name = reader.bytes(bytes), let version = reader.byte(bytes), let flags = reader.byte(bytes),
            let keepalive = reader.word(bytes), flags & 1 == 0
        else { return false }
        let isOld = MQTTPacket.equals(bytes, name, "MQIsdp")
        guard isOld ? version == 3 : MQTTPacket.equals(bytes, name, "MQTT") && (version == 4 || version == 5) else {
            return false
        }
        (protocolName, self.version, self.flags, self.keepalive) = (name, version, flags, keepalive)
        if version == 5 {
            guard let range = reader.properties(bytes, MQTTPacket.connectProperties) else { return false }
            propertyRange = range
        }
        guard let identifier = reader.bytes(bytes) else { return false }
        clientIdentifier = identifier
        if flags & 0x04 != 0 {
            if version == 5 {
                guard let range = reader.properties(bytes, MQTTPacket.willProperties) else { return false }
                willPropertyRange = range
            }
            guard let topic = reader.bytes(bytes), let payload = reader.bytes(bytes) else { return false }
            (willTopic, willPayload) = (topic, payload)
        }
        if flags & 0x80 != 0 {
            guard let range = reader.bytes(bytes) else { return false }
            username = range
        }
        if flags & 0x40 != 0 {
            guard let range = reader.bytes(bytes) else { return false }
            password = range
        }
        return reader.index == reader.end
    }

    private mutating func readAcknowledgement(_ bytes: Span<UInt8>, _ reader: inout MQTTReader) -> Bool {
        guard let flags = reader.byte(bytes), let reason = reader.byte(bytes), flags & 0xFE == 0 else { return false }
        (self.flags, reasonCode) = (flags, reason)
        guard reader.index < reader.end else { return true }
        version = 5
        guard let range = reader.properties(bytes, MQTTPacket.acknowledgementProperties) else { return false }
        propertyRange = range
        return reader.index == reader.end
    }

    private static func equals(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
        let other = text.bytes
        return other.count == range.count && other.indices.allSatisfy { other[$0] == bytes[range.lowerBound + $0] }
    }

    func find(_ key: MQTTField.Key, _ bytes: Span<UInt8>) -> Value? {
        switch key {
        case .name(let name):
            switch name {
            case .flags: return .number(UInt32(flags))
            case .protocolVersion: return .number(UInt32(version))
            case .keepalive: return .number(keepalive)
            case .reasonCode: return .number(UInt32(reasonCode))
            case .protocolName: return .bytes(protocolName)
            case .clientIdentifier: return text(clientIdentifier)
            case .willTopic: return text(willTopic)
            case .willPayload: return text(willPayload)
            case .username: return text(username)
            case .password: return text(password)
            }
        case .property(let id):
            guard version == 5, id != 38 else { return nil }
            let ranges =
                isAcknowledgement
                ? [(propertyRange, MQTTPacket.acknowledgementProperties)]
                : [(propertyRange, MQTTPacket.connectProperties), (willPropertyRange, MQTTPacket.willProperties)]
            for (range, known) in ranges {
                var reader = MQTTReader(index: range.lowerBound, end: range.upperBound)
                while reader.index < reader.end, let property = reader.property(bytes, known) {
                    if property.id == id { return property.value }
                }
            }
            // A number that is left out is 0.
            let kind = MQTTPacket.properties(isAcknowledgement: isAcknowledgement).first { $0.id == id }?.kind
            return kind == .bytes ? nil : .number(0)
        }
    }

    private func text(_ range: Range<Int>) -> Value? { range.isEmpty ? nil : .bytes(range) }
}

/// Reads the parts of a packet; nil at its end.
struct MQTTReader {
    var index: Int
    var end: Int

    mutating func byte(_ bytes: Span<UInt8>) -> UInt8? {
        guard index < end else { return nil }
        index += 1
        return bytes[index - 1]
    }

    private mutating func number(_ bytes: Span<UInt8>, _ count: Int) -> UInt32? {
        guard end - index >= count else { return nil }
        var value: UInt32 = 0
        for _ in 0..<count {
            value = value << 8 | UInt32(bytes[index])
            index += 1
        }
        return value
    }

    mutating func word(_ bytes: Span<UInt8>) -> UInt32? { number(bytes, 2) }

    /// Seven bits a byte, the least significant first, four bytes at most.
    mutating func variable(_ bytes: Span<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        for position in 0..<4 {
            guard let next = byte(bytes) else { return nil }
            value |= UInt32(next & 0x7F) << UInt32(7 * position)
            if next & 0x80 == 0 { return value }
        }
        return nil
    }

    /// A length and as many bytes.
    mutating func bytes(_ bytes: Span<UInt8>) -> Range<Int>? {
        guard let count = word(bytes), Int(count) <= end - index else { return nil }
        index += Int(count)
        return (index - Int(count))..<index
    }

    /// The properties, each known and there once; only those of users may be repeated.
    mutating func properties(
        _ bytes: Span<UInt8>, _ known: [(id: UInt8, kind: MQTTPacket.PropertyKind)]
    ) -> Range<Int>? {
        guard let count = variable(bytes), Int(count) <= end - index else { return nil }
        let range = index..<(index + Int(count))
        var inner = MQTTReader(index: range.lowerBound, end: range.upperBound)
        var seen: UInt64 = 0
        while inner.index < inner.end {
            guard let property = inner.property(bytes, known) else { return nil }
            if property.id != 38, seen & (1 << UInt64(property.id)) != 0 { return nil }
            seen |= 1 << UInt64(property.id)
        }
        index = range.upperBound
        return range
    }

    /// The next property; nil when it is not known or has no end.
    mutating func property(
        _ bytes: Span<UInt8>, _ known: [(id: UInt8, kind: MQTTPacket.PropertyKind)]
    ) -> (id: UInt8, value: MQTTPacket.Value)? {
        guard let id = byte(bytes), let kind = known.first(where: { $0.id == id })?.kind else { return nil }
        switch kind {
        case .byte: return byte(bytes).map { (id, .number(UInt32($0))) }
        case .word: return number(bytes, 2).map { (id, .number($0)) }
        case .long: return number(bytes, 4).map { (id, .number($0)) }
        case .variable: return variable(bytes).map { (id, .number($0)) }
        case .bytes: return self.bytes(bytes).map { (id, .bytes($0)) }
        case .pair:
            guard let name = self.bytes(bytes), self.bytes(bytes) != nil else { return nil }
            return (id, .bytes(name))
        }
    }
}
