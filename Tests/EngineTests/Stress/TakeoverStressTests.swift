import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// A connection that threads hand to each other while bytes come. Its fields are plain: ThreadSanitizer sees two
/// owners at once.
final class StressParcel {
    let fd: Int32
    let far: Int32
    /// Bytes received, which come in the order of their numbers.
    var received = 0
    private let inside = Atomic<Bool>(false)

    init() throws {
        (fd, far) = try Rig.pair()
    }

    /// Receives what is there, and sends it back.
    func echo(_ complaints: Complaints, on worker: Worker) {
        if inside.exchange(true, ordering: .sequentiallyConsistent) { complaints.add("\(fd) is served by two") }
        defer { inside.store(false, ordering: .sequentiallyConsistent) }
        let (count, bytes) = StressBytes.receive(fd, 100)
        if count == Int(-EAGAIN) { return worker.cannot(fd, .read) }
        if count <= 0 { return complaints.add("\(fd) broke: \(count)") }
        if !StressBytes.follow(bytes.prefix(count), received) { complaints.add("\(fd): not the next bytes") }
        received += count
        // The peer has few bytes under way, so that there is always room.
        if StressBytes.send(fd, bytes.prefix(count)) != count { complaints.add("\(fd): cannot send") }
        if count < 100 { worker.cannot(fd, .read) }
    }
}

/// Bytes that tell their place in a stream.
enum StressBytes {
    static func byte(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 31 &+ place >> 8) }

    static func from(_ place: Int, _ count: Int) -> [UInt8] { (place..<place + count).map(byte) }

    /// Whether the bytes are those of the stream behind `place`.
    static func follow(_ bytes: ArraySlice<UInt8>, _ place: Int) -> Bool {
        bytes.enumerated().allSatisfy { $0.element == byte(place + $0.offset) }
    }

    static func receive(_ fd: Int32, _ count: Int) -> (count: Int, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: the array is valid during the call, and as long as asked.
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe Rig.kernel.recv(fd, $0.baseAddress!, count) }
        return (result, bytes)
    }

    static func send(_ fd: Int32, _ bytes: ArraySlice<UInt8>) -> Int {
        // SAFETY: the slice is valid during the call.
        unsafe bytes.withUnsafeBytes { unsafe Rig.kernel.send(fd, $0.baseAddress!, $0.count, more: false) }
    }
}

/// What serves a parcel on one thread.
final class StressHolder: FDHandler {
    let parcel: StressParcel
    let trader: StressTrader

    init(_ parcel: StressParcel, _ trader: StressTrader) {
        self.parcel = parcel
        self.trader = trader
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if worker.index != trader.index { trader.complaints.add("\(fd) is served by another thread than its holder's") }
        // The event has withdrawn the offer.
        trader.offers[fd] = nil
        parcel.echo(trader.complaints, on: worker)
    }
}

/// One thread of the market: offers what it holds, takes what others offer, and takes back what nobody took.
final class StressTrader: LoopTask {
    let index: Int
    let market: OfferMarket
    let parcels: [Int32: StressParcel]
    let complaints: Complaints
    let taken = Counter()
    let withdrawn = Counter()
    private var random: Random
    /// What this thread offers, and may have lost already.
    var offers: [Int32: FDOffer] = [:]
    private(set) var held: [Int32] = []
    let isOpen = Atomic<Bool>(true)

    init(_ index: Int, _ market: OfferMarket, _ parcels: [Int32: StressParcel], _ complaints: Complaints, seed: UInt64)
    {
        self.index = index
        self.market = market
        self.parcels = parcels
        self.complaints = complaints
        random = Random(seed: seed)
    }

    func hold(_ fd: Int32) { held.append(fd) }

    override func run(on worker: Worker, _ reason: WakeReason) {
        guard isOpen.load(ordering: .sequentiallyConsistent) else {
            // Everything comes home, so that the last bytes find an owner that stays.
            for fd in held where offers[fd] != nil { takeBack(fd, on: worker) }
            return
        }
        for _ in 0..<2 where !held.isEmpty {
            let fd = held[random.below(held.count)]
            if offers[fd] != nil {
                takeBack(fd, on: worker)
            } else if let offer = worker.offer(fd) {
                offers[fd] = offer
                market.put(offer, at: random.below(8))
            }
        }
        if let offer = market.look(at: random.below(8)), let parcel = parcels[offer.fd],
            worker.take(offer, StressHolder(parcel, self))
        {
            taken.add()
            // It may be one that this thread has lost and not missed yet.
            offers[offer.fd] = nil
            held.removeAll { $0 == offer.fd }
            held.append(offer.fd)
        }
        if random.below(3) == 0 {
            worker.schedule(self, at: worker.now.adding(milliseconds: 1))
        } else {
            worker.wake(self)
        }
    }

    /// Withdraws an offer; what somebody else has taken is not held any more.
    private func takeBack(_ fd: Int32, on worker: Worker) {
        guard let offer = offers.removeValue(forKey: fd) else { return }
        if worker.withdraw(offer) { return withdrawn.add() }
        held.removeAll { $0 == fd }
    }
}

/// Connections that go from thread to thread at random while a client sends and compares what comes back.
final class TakeoverStress {
    let rig: StressGroup
    let parcels: [StressParcel]
    private(set) var traders: [StressTrader] = []
    private var echoed: [Int]

    init(_ choice: PollerChoice) throws {
        rig = try StressGroup(choice, threads: 4)
        parcels = try (0..<6).map { _ in try StressParcel() }
        echoed = parcels.map { _ in 0 }
        let market = OfferMarket()
        let byNumber = Dictionary(uniqueKeysWithValues: parcels.map { ($0.fd, $0) })
        let complaints = rig.complaints
        for index in 0..<rig.threads {
            traders.append(StressTrader(index, market, byNumber, complaints, seed: rig.random.next()))
        }
    }

    func run() throws {
        try rig.start()
        for (number, parcel) in parcels.enumerated() {
            let trader = traders[number % rig.threads]
            rig.on(trader.index) { worker in
                worker.insert(parcel.fd, StressHolder(parcel, trader), kind: .stream)
                worker.want(parcel.fd, .read)
                trader.hold(parcel.fd)
            }
        }
        for trader in traders { rig.on(trader.index) { $0.wake(trader) } }
        repeat {
            exchange(rig.random.below(parcels.count))
        } while rig.complaints.all.isEmpty && !(rig.isOver && traders.reduce(0) { $0 + $1.taken.value } > 20)
        for trader in traders {
            trader.isOpen.store(false, ordering: .sequentiallyConsistent)
            rig.on(trader.index) { $0.wake(trader) }
        }
        rig.everywhere()
        rig.rest()
        for number in parcels.indices { exchange(number) }
        for (number, parcel) in parcels.enumerated() { #expect(parcel.received == echoed[number], "byte for byte") }
        #expect(traders.reduce(0) { $0 + $1.taken.value } > 20)
        rig.finish()
        #expect(traders.flatMap(\.held).sorted() == parcels.map(\.fd).sorted(), "each is one thread's")
        rig.expectNoComplaints()
    }

    /// Sends some bytes, sometimes in two pieces, and compares what comes back.
    private func exchange(_ number: Int) {
        let parcel = parcels[number]
        let count = 1 + rig.random.below(150)
        let bytes = StressBytes.from(echoed[number], count)
        let cut = rig.random.below(count + 1)
        if cut > 0 { _ = StressBytes.send(parcel.far, bytes[..<cut]) }
        if rig.random.below(2) == 0 { usleep(UInt32(rig.random.below(200))) }
        if cut < count { _ = StressBytes.send(parcel.far, bytes[cut...]) }
        var back = 0
        rig.wait("\(parcel.fd) echoes \(count) bytes") {
            let (came, bytes) = StressBytes.receive(parcel.far, 200)
            if came <= 0 { return false }
            if !StressBytes.follow(bytes.prefix(came), echoed[number] + back) {
                rig.complaints.add("not the bytes sent")
            }
            back += came
            return back >= count
        }
        echoed[number] += count
    }

    deinit {
        for parcel in parcels {
            _ = Rig.kernel.close(parcel.fd)
            _ = Rig.kernel.close(parcel.far)
        }
    }
}

extension StressTests {
    @Test(
        "B4 C5 C8 C9: descriptors that threads take from each other have one owner, and lose no byte",
        arguments: StressPlan.pollers)
    func takeovers(choice: PollerChoice) throws {
        try TakeoverStress(choice).run()
    }
}
