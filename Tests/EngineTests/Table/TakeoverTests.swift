import Base
import CPlatform
import Glibc
import Testing

@testable import Engine

@Suite("Takeover of idle descriptors")
struct TakeoverTests {
    let group: WorkerGroup
    let owner: Worker
    let taker: Worker
    let third: Worker
    let near: Int32
    let far: Int32
    let mine = Counter()
    let theirs = Counter()

    init() throws {
        group = try Rig.group(.epoll, threads: 3)
        (owner, taker, third) = (group.workers[0], group.workers[1], group.workers[2])
        (near, far) = try Rig.pair()
        let count = mine
        owner.insert(near, reader(count), kind: .stream)
        owner.want(near, .read)
        owner.turnOnce()
    }

    func reader(_ count: Counter) -> Handler {
        Handler { fd, _, worker in
            count.add()
            _ = Rig.read(fd)
            worker.cannot(fd, .read)
        }
    }

    func finish(_ worker: Worker) {
        worker.remove(near)
        _ = Rig.kernel.close(far)
        for each in group.workers { each.turnOnce() }
        group.table.checkInvariants()
    }

    @Test("an offered descriptor is taken with its events, by one thread")
    func taken() throws {
        let offer = try #require(owner.offer(near))
        #expect(taker.take(offer, reader(theirs)))
        #expect(!third.take(offer, reader(theirs)), "C8: who loses has changed nothing")
        Rig.write(far, "to the new owner")
        taker.turnOnce()
        taker.turnOnce()
        #expect(theirs.value == 1 && mine.value == 0)
        finish(taker)
    }

    @Test("an offer goes through one word, which says nothing once it does not stand")
    func offerInOneWord() throws {
        let offer = try #require(owner.offer(near))
        #expect(taker.offer(in: offer.word, of: 0) == offer)
        #expect(taker.offer(in: offer.word, of: 2) == nil && taker.offer(in: 0, of: 0) == nil)
        #expect(owner.withdraw(offer))
        #expect(taker.offer(in: offer.word, of: 0) == nil)
        let next = try #require(owner.offer(near))
        #expect(taker.offer(in: offer.word, of: 0) == nil, "it is an older one's")
        #expect(owner.withdraw(next))
        finish(owner)
    }

    @Test("B5: the earlier owner does not go on polling")
    func loserStops() throws {
        let offer = try #require(owner.offer(near))
        #expect(taker.take(offer, reader(theirs)))
        taker.turnOnce()
        Rig.write(far, "x")
        #expect(Rig.wait(group.table.pollers[0], 10, owner) == 0)
        finish(taker)
    }

    @Test("B4: what the kernel already has, or has no more, is an answer and not an error")
    func converging() throws {
        let offer = try #require(owner.offer(near))
        #expect(taker.take(offer, reader(theirs)))
        // Left by somebody: the taker's poller has it already.
        let slot = group.table.memory[near]
        taker.applyLocal(near)
        slot.state.fetchAnd(~FDState.registered, .relaxed)
        group.table.pollers[1].update(near, slot, taker)
        #expect(slot.loadState(.relaxed).has(FDState.registered))
        #expect(taker.activity.value(.pollerErrors) == 0)
        Rig.write(far, "x")
        taker.turnOnce()
        #expect(theirs.value == 1)
        finish(taker)
    }

    @Test("an event of the owner withdraws the offer, and the taker loses")
    func eventWins() throws {
        let offer = try #require(owner.offer(near))
        Rig.write(far, "x")
        owner.turnOnce()
        #expect(mine.value == 1)
        #expect(!taker.take(offer, reader(theirs)))
        #expect(taker.activity.value(.takeoversLost) == 1)
        finish(owner)
    }

    @Test("an event that nobody waits for withdraws the offer too, and withdrawing it then says that it is held")
    func idleEventWins() throws {
        let offer = try #require(owner.offer(near))
        let generation = group.table.memory[near].loadState(.relaxed).generation
        owner.report(FDToken(fd: near, generation: generation), FDState.readyWrite)
        #expect(mine.value == 0)
        #expect(!taker.take(offer, reader(theirs)))
        #expect(owner.withdraw(offer), "nobody else has it")
        let next = try #require(owner.offer(near))
        #expect(!owner.withdraw(offer), "an older offer is nobody's business any more")
        #expect(taker.take(next, reader(theirs)))
        #expect(!owner.withdraw(next))
        finish(taker)
    }

    @Test("an event that comes after the taking is nothing to the earlier owner")
    func eventLoses() throws {
        let offer = try #require(owner.offer(near))
        let generation = group.table.memory[near].loadState(.relaxed).generation
        #expect(taker.take(offer, reader(theirs)))
        owner.report(FDToken(fd: near, generation: generation), FDState.readyRead)
        #expect(mine.value == 0)
        #expect(owner.activity.value(.staleGeneration) + owner.activity.value(.notOwner) == 1)
        finish(taker)
    }

    @Test("C5: a taker that looked at an older offer loses, though number and owner are the same again")
    func olderOffer() throws {
        let old = try #require(owner.offer(near))
        #expect(owner.withdraw(old))
        let new = try #require(owner.offer(near))
        #expect(!taker.take(old, reader(theirs)))
        #expect(taker.take(new, reader(theirs)))
        finish(taker)
    }

    @Test("C5: a whole takeover to and fro between look and exchange makes the offer void")
    func toAndFro() throws {
        let old = try #require(owner.offer(near))
        #expect(taker.take(old, reader(theirs)))
        taker.turnOnce()
        let back = try #require(taker.offer(near))
        #expect(owner.take(back, reader(mine)))
        owner.turnOnce()
        _ = try #require(owner.offer(near))
        #expect(!third.take(old, reader(theirs)))
        let slot = group.table.memory[near]
        let current = FDOffer(fd: near, tenure: slot.tenure.load(.relaxed))
        #expect(owner.withdraw(current))
        finish(owner)
    }

    @Test("C9: the handler lives until the earlier owner's thread lets go of it")
    func handlerLives() throws {
        weak var handler: Handler?
        owner.remove(near, close: false)
        do {
            let strong = reader(mine)
            handler = strong
            owner.insert(near, strong, kind: .stream)
        }
        owner.want(near, .read)
        owner.turnOnce()
        let offer = try #require(owner.offer(near))
        #expect(taker.take(offer, reader(theirs)))
        #expect(handler != nil, "its thread may be inside it")
        owner.turnOnce()
        #expect(handler == nil)
        finish(taker)
    }

    @Test("what has something to read, or has ended, is not idle and not offered")
    func notIdle() throws {
        owner.may(near, .read)
        #expect(owner.offer(near) == nil)
        owner.turnOnce()
        #expect(owner.offer(near) != nil)
        let slot = group.table.memory[near]
        #expect(owner.withdraw(FDOffer(fd: near, tenure: slot.tenure.load(.relaxed))))
        slot.state.fetchOr(FDState.hangup, .relaxed)
        #expect(owner.offer(near) == nil)
        finish(owner)
    }

    @Test("threads take and offer the same descriptors at random; each has one owner, and events find it")
    func threads() throws {
        let group = try Rig.group(.epoll, threads: 3)
        let pairs = try (0..<4).map { _ in try Rig.pair() }
        let market = OfferMarket()
        let received = Counter()
        let taken = Counter()
        var players: [MarketPlayer] = []
        for index in 0..<3 {
            let player = MarketPlayer(market, received: received, taken: taken, seed: UInt64(index))
            players.append(player)
            group.workers[0].post(Note { $0.wake(player) }, to: index)
        }
        for (number, pair) in pairs.enumerated() {
            let owner = number % 3
            let player = players[owner]
            group.workers[0].post(
                Note { worker in
                    worker.insert(pair.0, MarketSocket(player), kind: .stream)
                    worker.want(pair.0, .read)
                    player.own(pair.0)
                }, to: owner)
        }
        var sent = 0
        let limit = Rig.kernel.monotonicNanoseconds() + 30_000_000_000
        let sender = Job { job, worker, _ in
            let isLate = Rig.kernel.monotonicNanoseconds() > limit
            if isLate || (received.value == sent && sent >= 100 && taken.value >= 30) { return group.stop() }
            if received.value == sent {
                Rig.write(pairs[sent % 4].1, "x")
                sent += 1
            }
            worker.wake(job)
        }
        group.workers[0].wake(sender)
        try group.start()
        group.runMain()
        #expect(received.value == sent, "every byte has found the owner of its descriptor")
        #expect(taken.value >= 30)
        for pair in pairs {
            _ = Rig.kernel.close(pair.0)
            _ = Rig.kernel.close(pair.1)
        }
    }
}

/// Where the threads of the test put their offers.
final class OfferMarket {
    private let words = CellBlock(lines: 8)

    /// The offer of a place as two words: descriptor + 1, tenure. A torn pair is an offer that nobody makes.
    func put(_ offer: FDOffer, at place: Int) {
        words.cell(line: place, 0).store(UInt64(offer.fd) + 1, .sequential)
        words.cell(line: place, 1).store(offer.tenure, .sequential)
    }

    func look(at place: Int) -> FDOffer? {
        let tenure = words.cell(line: place, 1).load(.sequential)
        let number = words.cell(line: place, 0).load(.sequential)
        return number == 0 ? nil : FDOffer(fd: Int32(number - 1), tenure: tenure)
    }
}

/// One thread of the market: offers what it owns, and takes what it sees.
final class MarketPlayer: LoopTask {
    let market: OfferMarket
    let received: Counter
    let taken: Counter
    var random: Random
    var owned: [Int32] = []

    init(_ market: OfferMarket, received: Counter, taken: Counter, seed: UInt64) {
        self.market = market
        self.received = received
        self.taken = taken
        random = Random(seed: seed)
    }

    func own(_ fd: Int32) { owned.append(fd) }

    override func run(on worker: Worker, _ reason: WakeReason) {
        if !owned.isEmpty {
            let fd = owned[random.below(owned.count)]
            if let offer = worker.offer(fd) { market.put(offer, at: random.below(8)) }
        }
        if let offer = market.look(at: random.below(8)), worker.take(offer, MarketSocket(self)) {
            taken.add()
            owned.append(offer.fd)
        }
        // What was taken from this thread is forgotten when it turns out not to be its own.
        owned.removeAll { fd in !FDTenure(bits: worker.memory[fd].tenure.load(.relaxed)).isMine(worker.index) }
        worker.schedule(self, at: worker.now.adding(milliseconds: random.below(2)))
    }
}

extension FDTenure {
    /// Owned by the thread, offered or not.
    func isMine(_ thread: Int) -> Bool { owner == thread }
}

final class MarketSocket: FDHandler {
    let player: MarketPlayer

    init(_ player: MarketPlayer) {
        self.player = player
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        let (count, _) = Rig.read(fd)
        if count > 0 { player.received.add(count) }
        worker.cannot(fd, .read)
    }
}
