import Engine
import Synchronization

/// The offers of a pool, where the other threads find them: a few places, each with the word of an offer and how many
/// requests its connection has carried.
///
/// A place is written by the pool's thread alone, the word last, and only once the offer before it does not stand any
/// more. So who finds a word, then reads the count, and then wins the offer by exchanging its tenure, has read the
/// count of that offer.
///
/// Thread-safety: `look` on any thread, the rest on the pool's.
final class OfferShelf {
    static let places = 16

    private let words = InlineArray<16, Atomic<UInt64>> { _ in Atomic(0) }
    private let requests = InlineArray<16, Atomic<Int32>> { _ in Atomic(0) }
    private var offers = InlineArray<16, FDOffer?>(repeating: nil)
    /// A bit for each place that is free.
    private var free: UInt16 = .max

    /// A place without an offer; nil: all are taken, and a further connection is its own thread's only.
    var freePlace: Int? { free == 0 ? nil : free.trailingZeroBitCount }

    func publish(_ offer: FDOffer, requests count: Int32, at place: Int) {
        free &= ~(1 << UInt16(place))
        offers[place] = offer
        requests[place].store(count, ordering: .releasing)
        words[place].store(offer.word, ordering: .releasing)
    }

    /// Frees a place. Returns the offer that was there, which may have been taken.
    func clear(_ place: Int) -> FDOffer? {
        free |= 1 << UInt16(place)
        words[place].store(0, ordering: .relaxed)
        return offers[place].take()
    }

    /// What lies at a place.
    func look(at place: Int) -> (word: UInt64, requests: Int32)? {
        let word = words[place].load(ordering: .acquiring)
        return word == 0 ? nil : (word, requests[place].load(ordering: .acquiring))
    }
}
