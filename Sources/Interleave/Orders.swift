/// Orderings of a load.
@frozen
public enum LoadOrder: Sendable {
    case relaxed, acquire, sequential

    @inline(__always)
    var effect: Effect {
        switch self {
        case .relaxed: []
        case .acquire: .acquires
        case .sequential: [.acquires, .sequential]
        }
    }
}

/// Orderings of a store.
@frozen
public enum StoreOrder: Sendable {
    case relaxed, release, sequential

    @inline(__always)
    var effect: Effect {
        switch self {
        case .relaxed: []
        case .release: .releases
        case .sequential: [.releases, .sequential]
        }
    }
}

/// Orderings of a read-modify-write.
@frozen
public enum UpdateOrder: Sendable {
    case relaxed, acquire, release, acquireRelease, sequential

    @inline(__always)
    var effect: Effect {
        switch self {
        case .relaxed: []
        case .acquire: .acquires
        case .release: .releases
        case .acquireRelease: [.acquires, .releases]
        case .sequential: [.acquires, .releases, .sequential]
        }
    }
}

/// What an access does to the views of the threads.
struct Effect: OptionSet {
    var rawValue: UInt8

    static let acquires = Effect(rawValue: 1)
    static let releases = Effect(rawValue: 2)
    static let sequential = Effect(rawValue: 4)

    var name: String {
        if contains(.sequential) { return "sequential" }
        if contains(.acquires) && contains(.releases) { return "acquireRelease" }
        return contains(.acquires) ? "acquire" : contains(.releases) ? "release" : "relaxed"
    }
}

/// What an access does to the word.
enum Operation: UInt8 {
    case load, store, exchange, compareExchange, or, and, add

    var name: String {
        switch self {
        case .load: "load"
        case .store: "store"
        case .exchange: "exchange"
        case .compareExchange: "compareExchange"
        case .or: "fetchOr"
        case .and: "fetchAnd"
        case .add: "fetchAdd"
        }
    }
}
