import Base
import Configuration

/// Proxies and servers by their indices in the configuration, and the other way round.
///
/// Thread-safety: constant.
final class ProxyDirectory {
    private let frontends: [Frontend?]
    private let backends: [Backend?]
    private let identifiers: [ObjectIdentifier: Int]
    let proxies: [ProxySection]

    init(_ tree: ConfigurationTree, _ frontends: [Frontend], _ backends: [Backend]) {
        proxies = tree.proxies
        var identifiers: [ObjectIdentifier: Int] = [:]
        var frontendsByName: [String: Frontend] = [:]
        for frontend in frontends { frontendsByName[frontend.name.description] = frontend }
        var backendsByName: [String: Backend] = [:]
        for backend in backends { backendsByName[backend.name.description] = backend }
        var foundFrontends: [Frontend?] = [], foundBackends: [Backend?] = []
        for (index, proxy) in tree.proxies.enumerated() {
            let frontend = proxy.kind.hasFrontend ? frontendsByName[proxy.name] : nil
            let backend = proxy.kind.hasBackend ? backendsByName[proxy.name] : nil
            if let frontend { identifiers[ObjectIdentifier(frontend)] = index }
            if let backend { identifiers[ObjectIdentifier(backend)] = index }
            foundFrontends.append(frontend)
            foundBackends.append(backend)
        }
        (self.frontends, self.backends, self.identifiers) = (foundFrontends, foundBackends, identifiers)
    }

    func frontend(_ index: Int) -> Frontend? { frontends.indices.contains(index) ? frontends[index] : nil }
    func backend(_ index: Int) -> Backend? { backends.indices.contains(index) ? backends[index] : nil }

    /// The index of the section of that name that has a backend.
    func backend(named name: Span<UInt8>) -> Int? {
        backends.indices.first { backends[$0] != nil && name.equals(proxies[$0].name) }
    }

    func index(of proxy: AnyObject) -> Int? { identifiers[ObjectIdentifier(proxy)] }

    func server(_ proxy: Int, _ index: Int) -> Server? {
        backend(proxy)?.servers.first { $0.index == index }
    }

    /// The section that made a frontend or a backend.
    func section(of proxy: AnyObject) -> ProxySection? { identifiers[ObjectIdentifier(proxy)].map { proxies[$0] } }
}

/// Which counter a rate is taken from.
struct RateKey: Hashable {
    let counters: ObjectIdentifier
    let isRequests: Bool
}

/// Events per second, estimated from a counter that only grows: those of this second, and the part of the last one that
/// is less than a second ago.
struct RateEstimate {
    private var start = Ticks.zero
    private var base: UInt64 = 0
    private var previous: UInt64 = 0

    /// - Parameter total: the counter now.
    mutating func rate(_ total: UInt64, at now: Ticks) -> Int64 {
        var elapsed = max(0, now.milliseconds(since: start))
        if elapsed >= 1000 {
            previous = (total &- base) &* 1000 / UInt64(elapsed)
            base = total
            start = now
            elapsed = 0
        }
        return Int64(clamping: (total &- base) &+ previous &* UInt64(1000 - elapsed) / 1000)
    }
}

extension Span<UInt8> {
    /// Whether these are the bytes of a text.
    func equals(_ text: String) -> Bool {
        var index = 0
        for byte in text.utf8 {
            guard index < count, self[index] == byte else { return false }
            index += 1
        }
        return index == count
    }
}
