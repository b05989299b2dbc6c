import Base
import Configuration
import Engine
import HTTP
import Synchronization

/// Where clients come in, as it runs.
///
/// Thread-safety: everything may be read on any thread; `listeners` is set before the workers start.
final class Frontend {
    let name: LogName
    let settings: ProxySettings
    let rules: [BackendRule]
    let processing: Processing
    let defaultBackend: Backend?
    let errors: ErrorResponses
    let logger: Logger
    let counters: FrontendCounters
    /// The most connections at once; 0 for no limit but the process's.
    let maximumConnections: Int
    /// `rate-limit sessions`; nil: no limit.
    let sessionRate: SessionRate?
    private(set) var listeners: [Listener] = []
    /// The backends that computed names may mean; set before the workers start.
    var candidates: [Backend] = []
    private let places = Places()

    init(
        name: LogName, settings: ProxySettings, rules: [BackendRule], processing: Processing,
        defaultBackend: Backend?, errors: ErrorResponses, logger: Logger, counters: FrontendCounters
    ) {
        self.name = name
        self.settings = settings
        self.rules = rules
        self.processing = processing
        self.defaultBackend = defaultBackend
        self.errors = errors
        self.logger = logger
        self.counters = counters
        maximumConnections = settings.maxconn ?? 0
        let rate = settings.sessionsPerSecond
        sessionRate = rate > 0 ? SessionRate(perSecond: rate) : nil
    }

    /// Adds a listener; before the workers start.
    func add(_ listener: Listener) { listeners.append(listener) }

    /// Connections now.
    var current: Int { places.current }

    /// Takes a place for a connection; false at the limit.
    func reserve() -> Bool {
        guard places.reserve(limit: maximumConnections == 0 ? .max : maximumConnections) else { return false }
        counters.sessions.enter()
        return true
    }

    /// Gives a place back.
    func leave() {
        places.leave()
        counters.sessions.leave()
    }

    /// The backend that the rules choose, or the default one (manual, section 4.2, `use_backend`).
    func backend(for scope: StreamScope, _ texts: RuleTexts) -> Backend? {
        for rule in rules where rule.condition.holds(scope) {
            guard let format = rule.format else { return rule.backend }
            // A computed name that is no backend's leads to the default one.
            let name = texts.format(format, scope).span
            return candidates.first { $0.name.equals(name) } ?? defaultBackend
        }
        return defaultBackend
    }
}
