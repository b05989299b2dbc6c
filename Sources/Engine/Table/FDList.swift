import Base

/// A doubly linked list of descriptors through the links of their own slots, without allocation and without a lock of
/// the operating system. The diagram of `FDSlot.swift` gives the encoding of a link.
///
/// The link from an entry (or from the head) to the next is also the lock of that edge. Adding locks the entry's own
/// link, then the last edge; removing locks the edge before the entry, then the one behind it. Locks are thus taken
/// from the front to the back and there is no circle to wait in; each is held for a handful of instructions. Who meets
/// a locked link loads it again until it is free: locked says neither "present" nor "absent".
///
/// The links of an entry belong to one list at a time: which one follows from the descriptor (shared: its group's;
/// local: its thread's), and only a list that holds an entry may be asked to remove it.
@safe
struct FDList: Sendable {
    static let locked: Int32 = 1
    static let end: Int32 = 2

    /// Which pair of links in a slot the list runs through: the offset of the first, counted over both halves.
    enum Links: Int, Sendable {
        case ready = 56
        case update = 96
    }

    private let table: FDMemory
    private let links: Links
    private let first: AtomicLink
    private let last: AtomicLink
    /// Grows with every entry unlinked, so that a scanner knows when it may have been led astray.
    private let removals: AtomicCell

    /// An empty list over the slots of `table`, with its head in one line of a block of cells.
    init(_ table: FDMemory, _ links: Links, head block: CellBlock, line: Int) {
        self.table = table
        self.links = links
        first = block.link(line: line, 0)
        last = block.link(line: line, 1)
        removals = block.cell(line: line, 1)
        first.store(FDList.end, .sequential)
        last.store(FDList.end, .sequential)
    }

    private func next(_ fd: Int32) -> AtomicLink { table.link(fd, links.rawValue) }
    private func previous(_ fd: Int32) -> AtomicLink { table.link(fd, links.rawValue + 4) }

    /// The link for "next is fd"; and the descriptor in such a link.
    private static func to(_ fd: Int32) -> Int32 { fd &+ 3 }
    private static func descriptor(_ link: Int32) -> Int32 { link &- 3 }

    /// What a link becomes when its entry leaves the list: it remembers where it led.
    private static func absent(remembering link: Int32) -> Int32 {
        link == end ? 0 : -(descriptor(link) &+ 1)
    }

    /// The edge out of an entry, or out of the head when `link` is the end.
    private func edge(_ link: Int32) -> AtomicLink {
        link == FDList.end ? first : next(FDList.descriptor(link))
    }

    /// Whether the list looks empty at this instant.
    var isEmpty: Bool { first.load(.sequential) == FDList.end }

    /// Whether the descriptor is linked in a list through these links (in it, entering or leaving it).
    func holds(_ fd: Int32) -> Bool { next(fd).load(.sequential) > 0 }

    /// Puts a descriptor at the end of the list, unless it is in it; returns whether it did. Any thread.
    @discardableResult
    func add(_ fd: Int32) -> Bool {
        let own = next(fd)
        var round = 0
        while true {
            let link = own.load(.sequential)
            if link == FDList.locked {
                own.spinWait(while: link, round: &round)
                continue
            }
            if link > 0 { return false }
            if own.compareExchange(link, FDList.locked) { break }
        }
        round = 0
        while true {
            let tail = last.load(.sequential)
            let edge = edge(tail)
            guard edge.compareExchange(FDList.end, FDList.locked) else {
                wait(edge, &round)
                continue
            }
            // The edge may be the last one of another list by now, if the old tail moved there: then this is not it.
            guard last.load(.sequential) == tail else {
                edge.store(FDList.end, .sequential)
                continue
            }
            previous(fd).store(tail, .sequential)
            last.store(FDList.to(fd), .sequential)
            own.store(FDList.end, .sequential)
            edge.store(FDList.to(fd), .sequential)
            return true
        }
    }

    /// Takes a descriptor out of the list; returns whether this call did it. Any thread.
    @discardableResult
    func remove(_ fd: Int32) -> Bool {
        let own = next(fd)
        var round = 0
        while true {
            let link = own.load(.sequential)
            if link == FDList.locked {
                own.spinWait(while: link, round: &round)
                continue
            }
            if link <= 0 { return false }
            let before = previous(fd).load(.sequential)
            let edge = edge(before)
            guard edge.compareExchange(FDList.to(fd), FDList.locked) else {
                // Its predecessor is being worked on, or is another one by now: only the former is waited for.
                wait(edge, &round)
                continue
            }
            unlink(fd, own: own, before: before, edge: edge)
            return true
        }
    }

    /// After an edge could not be locked: waits while it is locked, and does not if it leads elsewhere by now.
    private func wait(_ edge: AtomicLink, _ round: inout Int) {
        if edge.load(.relaxed) == FDList.locked { edge.spinWait(while: FDList.locked, round: &round) }
    }

    /// The second half of removing: the edge before the entry is locked, so it stays where it is.
    private func unlink(_ fd: Int32, own: AtomicLink, before: Int32, edge: AtomicLink) {
        var round = 0
        while true {
            let link = own.load(.sequential)
            if link == FDList.locked || !own.compareExchange(link, FDList.locked) {
                own.spinWait(while: link, round: &round)
                continue
            }
            if link == FDList.end {
                last.store(before, .sequential)
            } else {
                previous(FDList.descriptor(link)).store(before, .sequential)
            }
            removals.fetchAdd(1, .sequential)
            own.store(FDList.absent(remembering: link), .sequential)
            edge.store(link, .sequential)
            return
        }
    }

    /// The first descriptor of the list, or nil.
    func head() -> Int32? { follow(first) }

    /// The one behind a descriptor, also when that has left the list meanwhile.
    func successor(of fd: Int32) -> Int32? { follow(next(fd)) }

    private func follow(_ edge: AtomicLink) -> Int32? {
        var round = 0
        while true {
            let link = edge.load(.sequential)
            if link == FDList.locked {
                edge.spinWait(while: link, round: &round)
                continue
            }
            if link == FDList.end || link == 0 { return nil }
            return link > 0 ? FDList.descriptor(link) : -link &- 1
        }
    }

    /// A number that changes whenever an entry leaves. A scan during which it changed may have jumped over entries
    /// (its place was unlinked, and linked again at the end), so it proves nothing about what it did not see.
    var departures: UInt64 { removals.load(.sequential) }

    /// Traps unless forward and backward links agree. Only while no other thread touches the list.
    func checkInvariants() {
        var before = FDList.end
        var link = first.load(.sequential)
        var count = 0
        while link != FDList.end {
            precondition(link >= 3, "a linked entry is neither locked nor absent")
            let fd = FDList.descriptor(link)
            precondition(previous(fd).load(.sequential) == before, "the links of neighbours agree")
            before = link
            link = next(fd).load(.sequential)
            count += 1
            precondition(count <= table.capacity, "the list has no circle")
        }
        precondition(last.load(.sequential) == before, "the head knows the last entry")
    }
}
