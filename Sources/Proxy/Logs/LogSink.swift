import Base
import Configuration
import Glibc
import Samples
import Synchronization

/// Why a `log` target cannot be used.
public enum LogTargetError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name has no address.
    case unresolved(String)
    /// The address is not one that lines can be sent to.
    case unusable(String)

    public var description: String {
        switch self {
        case .unresolved(let name): return "could not resolve the address '\(name)' of a log target"
        case .unusable(let text): return "'\(text)' is not an address that logs can be sent to"
        }
    }
}

/// Where lines go, and in which frame: one `log` target with everything worked out.
///
/// Thread-safety: immutable.
final class LogSink: Sendable {
    enum Destination: Sendable, Equatable {
        case datagram(SocketAddress)
        case descriptor(Int32)
    }

    let destination: Destination
    let format: LogLineFormat
    let lengthBytes: Int
    let facility: LogFacility
    let level: LogLevel
    let minimumLevel: LogLevel
    /// The host that the frame states where its format has a place for one.
    let hostname: [UInt8]?
    let tag: [UInt8]
    private let sampling: LogSampling?
    private let lines = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - hostname: what `log-send-hostname` asks for; nil without it.
    ///   - resolve: finds the address of a host name, with the port of the specification.
    init(
        _ target: LogTarget, tag: String, hostname: String?, resolve: (AddressSpec) -> SocketAddress?
    ) throws(LogTargetError) {
        destination = try LogSink.destination(of: target, resolve: resolve)
        // `log-send-hostname` turns the default into the format that has a place for the name (manual, section 3.1).
        format = target.format == .local && hostname != nil ? .rfc3164 : target.format
        lengthBytes = min(max(target.lengthBytes, 80), LogLine.capacity - 1)
        facility = target.facility
        level = target.level
        sampling = target.sampling
        minimumLevel = target.minimumLevel
        self.hostname = hostname.map { Array($0.utf8) }
        self.tag = Array(tag.utf8)
    }

    private static func destination(
        of target: LogTarget, resolve: (AddressSpec) -> SocketAddress?
    ) throws(LogTargetError) -> Destination {
        let specification: AddressSpec
        switch target.destination {
        case .standardOutput: return .descriptor(STDOUT_FILENO)
        case .standardError: return .descriptor(STDERR_FILENO)
        case .fileDescriptor(let number): return .descriptor(number)
        case .address(let address): specification = address
        }
        let port = specification.port == .none ? 514 : specification.fixedPort
        switch specification.host {
        case .ipv4(let address): return .datagram(SocketAddress(ipv4: address.value, port: port))
        case .ipv6(let address): return .datagram(SocketAddress(ipv6: address.high, address.low, port: port))
        case .unix(let path):
            guard let address = SocketAddress(unixPath: path) else { throw .unusable(path) }
            return .datagram(address)
        case .abstract(let name):
            guard let address = SocketAddress(abstractName: name) else { throw .unusable("abns@" + name) }
            return .datagram(address)
        case .fileDescriptor(let number): return .descriptor(number)
        case .name(let name):
            guard var address = resolve(specification) else { throw .unresolved(name) }
            address.port = port
            return .datagram(address)
        case .socketPair(let number): throw .unusable("sockpair@\(number)")
        }
    }

    /// Whether lines of this level are sent here at all.
    func takes(_ lineLevel: LogLevel) -> Bool { lineLevel <= level }

    /// Whether this line is one of those that `sample` picks; to be asked once for each line.
    func samples() -> Bool {
        guard let sampling else { return true }
        let place = Int(lines.wrappingAdd(1, ordering: .relaxed).oldValue % UInt64(sampling.size)) + 1
        return sampling.ranges.contains { $0.contains(place) }
    }

    /// Appends what stands in front of the text in the sink's format.
    func appendHeader(
        level lineLevel: LogLevel, at microseconds: Int64, processID: [UInt8],
        structuredData: borrowing LogLine, clock: inout LogClock, to line: inout LogLine
    ) {
        let severity = max(lineLevel, minimumLevel).rawValue
        switch format {
        case .raw: return
        case .iso:
            clock.appendISODate(microseconds, to: &line)
            line.append(UInt8(ascii: " "))
        case .short: LogSink.append(priority: Int64(severity), to: &line)
        case .timed:
            LogSink.append(priority: Int64(severity), to: &line)
            clock.appendISODate(microseconds, to: &line)
            line.append(UInt8(ascii: " "))
        case .priority: LogSink.append(priority: Int64(facility.rawValue) << 3 | Int64(severity), to: &line)
        case .local, .rfc3164:
            LogSink.append(priority: Int64(facility.rawValue) << 3 | Int64(severity), to: &line)
            clock.appendSyslogDate(microseconds, to: &line)
            line.append(UInt8(ascii: " "))
            if format == .rfc3164 {
                if let hostname { line.append(hostname) } else { line.append("localhost") }
                line.append(UInt8(ascii: " "))
            }
            line.append(tag)
            line.append(UInt8(ascii: "["))
            line.append(processID)
            line.append("]: ")
        case .rfc5424:
            LogSink.append(priority: Int64(facility.rawValue) << 3 | Int64(severity), to: &line)
            line.append("1 ")
            clock.appendISODate(microseconds, to: &line)
            line.append(UInt8(ascii: " "))
            if let hostname { line.append(hostname) } else { line.append(UInt8(ascii: "-")) }
            line.append(UInt8(ascii: " "))
            line.append(tag)
            line.append(UInt8(ascii: " "))
            line.append(processID)
            // No message identifier.
            line.append(" - ")
            if structuredData.count > 0 { line.append(structuredData) } else { line.append(UInt8(ascii: "-")) }
            line.append(UInt8(ascii: " "))
        }
    }

    private static func append(priority: Int64, to line: inout LogLine) {
        line.append(UInt8(ascii: "<"))
        line.append(decimal: priority)
        line.append(UInt8(ascii: ">"))
    }
}
