import Base
import CPlatform
import Glibc

/// What one thread's ring does for one shared descriptor.
///
/// It is armed with polls or accepts (`outstanding` > 0), or cancelling them, or idle; and is idle again only when the
/// last of them has completed.
final class UringPlace {
    var fd: Int32 = -1
    var generation: UInt32 = 0
    /// What the descriptor's state asks for.
    var wanted: Interest = []
    /// What the outstanding poll is for.
    var armed: Interest = []
    var outstanding = 0
    /// Accepts to keep armed: doubled while all of them complete within a turn.
    var width = 1
    /// Accepts that have completed since they were armed last.
    var completed = 0
    var isListener = false
    /// Accepts by the ring; otherwise it is polled, and its handler accepts.
    var accepts = false
    var isCancelling = false
    /// The descriptor was revoked: told when nothing is outstanding any more.
    var isWithdrawing = false
    /// In the list of those that are looked at before the next wait.
    var isDirty = false
    /// Numbers of its outstanding accepts.
    var accepting: [Int32] = []
}

/// The room for one accept: where the kernel writes the peer's address.
// SAFETY: `storage` is allocated for the object's life, which is the poller's: an accept may complete at any time until
// its ring is closed.
@safe
final class UringAccept {
    fileprivate(set) var place: UringPlace?
    private let storage: UnsafeMutablePointer<sockaddr_storage>
    private let size: UnsafeMutablePointer<socklen_t>

    init() {
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: sockaddr_storage())
        unsafe size = .allocate(capacity: 1)
        unsafe size.initialize(to: 0)
    }

    deinit {
        unsafe storage.deallocate()
        unsafe size.deallocate()
    }

    func prepare(on ring: Ring, _ place: UringPlace, _ token: RingToken) -> Int32 {
        self.place = place
        unsafe size.pointee = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            unsafe ring.accept(place.fd, address, size, token)
        }
    }

    /// The address that the kernel has written.
    var peer: SocketAddress {
        var address = SocketAddress()
        unsafe address.update { target, length in
            let count = min(Int(length), unsafe Int(size.pointee))
            unsafe UnsafeMutableRawPointer(target).copyMemory(from: storage, byteCount: count)
            length = socklen_t(clamping: count)
        }
        return address
    }

    func clear() { place = nil }
}

/// The shared descriptors of one thread's ring, and its accepts.
///
/// Thread-safety: the ring's thread only.
final class UringPlaces {
    private(set) var places: [UringPlace] = []
    private var free: [Int] = []
    /// Looked up when interest changes or a descriptor goes, not for events.
    private var byNumber: [Int32: Int] = [:]
    private(set) var accepts: [UringAccept] = []
    private var freeAccepts: [Int32] = []

    func find(_ fd: Int32) -> (index: Int, place: UringPlace)? {
        guard let index = byNumber[fd] else { return nil }
        return (index, places[index])
    }

    func add(_ fd: Int32, generation: UInt32, isListener: Bool) -> (index: Int, place: UringPlace) {
        let index: Int
        if let unused = free.popLast() {
            index = unused
        } else {
            index = places.count
            places.append(UringPlace())
        }
        let place = places[index]
        place.fd = fd
        place.generation = generation
        place.isListener = isListener
        byNumber[fd] = index
        return (index, place)
    }

    /// A place with nothing outstanding is free for another descriptor.
    func remove(_ index: Int) {
        byNumber[places[index].fd] = nil
        let isDirty = places[index].isDirty
        places[index] = UringPlace()
        places[index].isDirty = isDirty
        free.append(index)
    }

    func takeAccept() -> Int32 {
        if let number = freeAccepts.popLast() { return number }
        accepts.append(UringAccept())
        return Int32(truncatingIfNeeded: accepts.count - 1)
    }

    func returnAccept(_ number: Int32) {
        accepts[Int(number)].clear()
        freeAccepts.append(number)
    }
}
