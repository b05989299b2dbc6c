/// A reference that is not counted, to an object that lasts longer than whoever refers to it: what runs of the
/// configuration to the streams, a client's connection to the exchange that serves it.
///
/// `with` reads it without counting; `object` counts, where the object is kept over calls, and is for what is rare.
// SAFETY: whoever makes one states why the object outlives it.
@safe
struct Lasting<Object: AnyObject> {
    private var reference: Unmanaged<Object>?

    /// Refers to nothing.
    init() { unsafe reference = nil }

    init(_ object: Object?) { unsafe reference = object.map { unsafe Unmanaged.passUnretained($0) } }

    var object: Object? { unsafe reference?.takeUnretainedValue() }

    var isEmpty: Bool { unsafe reference == nil }

    /// Calls the body with the object, if there is one.
    @inline(__always)
    @discardableResult
    func with<Result>(_ body: (Object) -> Result) -> Result? {
        guard let reference = unsafe reference else { return nil }
        return unsafe reference._withUnsafeGuaranteedRef(body)
    }

    /// What it refers to, which it does no more.
    @inline(__always)
    mutating func take() -> Lasting {
        defer { unsafe reference = nil }
        return self
    }
}
