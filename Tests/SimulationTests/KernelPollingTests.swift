import Base
import CPlatform
import Engine
import Glibc
import Testing

@testable import Simulation

@Suite("Pollers of the played kernel")
struct KernelPollingTests {
    private let rig: KernelRig
    private let kernel: SimKernel
    private let epoll: Int32
    private let edge = Mask.input | Mask.output | Mask.peerHangup | HOST_EPOLL_ET

    init() {
        var options = SimKernel.Options()
        options.offersKqueue = true
        (rig, kernel) = KernelRig.ideal(options)
        epoll = kernel.epollCreate()
    }

    private func masks(_ epoll: Int32? = nil) -> [UInt32] { rig.events(epoll ?? self.epoll).map(\.events) }

    @Test("level: again and again while it is ready")
    func level() {
        let (one, other) = rig.pair()
        #expect(rig.add(epoll, other, Mask.input) == 0)
        #expect(masks() == [])
        _ = rig.send(one, [1])
        #expect(masks() == [Mask.input] && masks() == [Mask.input])
        _ = rig.recv(other, 1)
        #expect(masks() == [])
    }

    @Test("edge: once for each thing that happens, drained or not")
    func edges() {
        let (one, other) = rig.pair()
        #expect(rig.add(epoll, other, edge) == 0)
        #expect(masks() == [Mask.output], "what is ready at first is reported")
        #expect(masks() == [])
        _ = rig.send(one, [1])
        #expect(masks() == [Mask.input | Mask.output] && masks() == [])
        _ = rig.send(one, [2])
        #expect(masks() == [Mask.input | Mask.output], "new bytes are reported although the old ones are unread")
        #expect(kernel.epollControl(epoll, HOST_EPOLL_CTL_MOD, other, edge, 5) == 0)
        #expect(rig.events(epoll).map(\.token) == [5], "and so is what is ready when it is changed")
        _ = kernel.shutdown(one, Int32(SHUT_WR))
        #expect(masks() == [Mask.input | Mask.output | Mask.peerHangup])
    }

    @Test("hang-ups and errors are reported unasked")
    func unasked() {
        let (one, other) = rig.pair()
        #expect(rig.add(epoll, other, 0) == 0)
        _ = kernel.close(one)
        #expect(masks() == [Mask.hangup])
    }

    @Test("a registration is of an open file under a number: EEXIST, ENOENT, EBADF")
    func registrations() {
        let (one, other) = rig.pair()
        #expect(rig.add(epoll, one, edge) == 0 && rig.add(epoll, one, edge) == -EEXIST)
        #expect(kernel.epollControl(epoll, HOST_EPOLL_CTL_MOD, other, edge, 0) == -ENOENT)
        #expect(kernel.epollControl(epoll, HOST_EPOLL_CTL_DEL, other, 0, 0) == -ENOENT)
        #expect(rig.add(epoll, 77, edge) == -EBADF && rig.add(one, other, edge) == -EINVAL)
        let copy = kernel.dup(one)
        #expect(rig.add(epoll, copy, edge) == 0, "the same file under another number is another registration")
        let exclusive = Mask.input | HOST_EPOLL_EXCLUSIVE
        #expect(rig.add(epoll, other, exclusive) == 0)
        #expect(kernel.epollControl(epoll, HOST_EPOLL_CTL_MOD, other, exclusive, 0) == -EINVAL)
    }

    @Test("B3: a registration outlives its number while the open file lives on; the successor is another one")
    func outliving() {
        let (one, other) = rig.pair()
        let copy = kernel.dup(other)
        #expect(rig.add(epoll, other, Mask.input, token: 1) == 0)
        _ = kernel.close(other)
        _ = rig.send(one, [1])
        #expect(rig.events(epoll).map(\.token) == [1], "nobody holds the number, and it is reported")
        let (next, _) = rig.pair()
        #expect(next == other)
        #expect(rig.add(epoll, next, Mask.input, token: 2) == 0, "no EEXIST: it is another open file")
        #expect(kernel.epollControl(epoll, HOST_EPOLL_CTL_DEL, copy, 0, 0) == -ENOENT, "not under that number")
        _ = kernel.close(copy)
        #expect(rig.events(epoll).map(\.token) == [], "the last descriptor takes it away")
    }

    @Test("B2: an event of a closed descriptor is gone when its file is")
    func closing() {
        let (one, other) = rig.pair()
        #expect(rig.add(epoll, other, Mask.input) == 0)
        _ = rig.send(one, [1])
        _ = kernel.close(other)
        #expect(masks() == [])
    }

    @Test(
        "of several waiting threads one takes a connection at an exclusive listener; otherwise all wake",
        arguments: [true, false])
    func exclusive(isExclusive: Bool) {
        let scheduler = kernel.machine.scheduler
        let (listening, address) = rig.listener()
        var woken = 0
        for number in 0..<4 {
            scheduler.spawn("\(number)") {
                let mine = kernel.epollCreate()
                _ = rig.add(mine, listening, Mask.input | (isExclusive ? HOST_EPOLL_EXCLUSIVE : 0))
                if !rig.events(mine, timeout: 1000).isEmpty { woken += 1 }
            }
        }
        scheduler.spawn("client") {
            scheduler.sleep(10_000_000)
            _ = rig.connect(address)
        }
        #expect(scheduler.run() == .finished)
        // Who has slept out its second looks once more, and sees the connection that nobody has accepted.
        #expect(isExclusive ? woken >= 1 : woken == 4)
    }

    @Test("waits last as long as they are asked to, and end when something comes", arguments: 0..<4)
    func waiting(kind: Int) {
        let scheduler = kernel.machine.scheduler
        let (one, other) = rig.pair()
        let queue = kernel.kqueueCreate()
        _ = rig.add(epoll, other, Mask.input)
        // SAFETY: one event of a local.
        var change = unsafe host_kevent_make(UInt64(other), HOST_EVFILT_READ, HOST_EV_ADD, 0, 9)
        unsafe #expect(kernel.kqueueWait(queue, &change, 1, nil, 0, 0) == 0)
        func wait(_ milliseconds: Int32) -> Int32 {
            switch kind {
            case 0: return Int32(rig.events(epoll, timeout: milliseconds).count)
            case 1:
                var entry = pollfd(fd: other, events: Int16(POLLIN), revents: 0)
                // SAFETY: one entry of a local.
                return unsafe kernel.poll(&entry, 1, milliseconds)
            case 2:
                var (read, write): ([UInt64], [UInt64]) = (
                    .init(repeating: 0, count: 16), .init(repeating: 0, count: 16)
                )
                read[0] = 1 << UInt64(other)
                // SAFETY: sets of the size that select uses.
                return unsafe kernel.select(other + 1, &read, &write, milliseconds)
            default:
                var event = unsafe host_kevent_make(0, 0, 0, 0, 0)
                // SAFETY: one event of a local.
                return unsafe kernel.kqueueWait(queue, nil, 0, &event, 1, milliseconds)
            }
        }
        var results: [(Int32, UInt64)] = []
        scheduler.spawn("waiter") {
            for milliseconds in [20, 1000] as [Int32] {
                let start = scheduler.now
                let result = wait(milliseconds)
                results.append((result, scheduler.now - start))
            }
        }
        scheduler.spawn("sender") {
            scheduler.sleep(50_000_000)
            _ = rig.send(one, [1])
        }
        #expect(scheduler.run() == .finished)
        #expect(results[0] == (0, 20_000_000) && results[1] == (1, 30_000_000))
    }

    @Test("poll reports closed numbers, select refuses them")
    func closedNumbers() {
        var entries = [
            pollfd(fd: 99, events: Int16(POLLIN), revents: 0), pollfd(fd: -1, events: Int16(POLLIN), revents: 7),
        ]
        // SAFETY: the arrays have the stated sizes.
        unsafe #expect(kernel.poll(&entries, 2, 0) == 1)
        #expect(entries[0].revents == Int16(POLLNVAL) && entries[1].revents == 0)
        var sets = [UInt64](repeating: 0, count: 16)
        var none = sets
        sets[1] = 1
        unsafe #expect(kernel.select(70, &sets, &none, 0) == -EBADF)
    }

    @Test("kqueue: filters of a descriptor, with EV_CLEAR reported once; closing the number drops them")
    func filters() {
        let queue = kernel.kqueueCreate()
        func change(_ fd: Int32, _ filter: Int32, _ flags: UInt32) -> Int64 {
            // SAFETY: one event of a local each.
            var event = unsafe host_kevent_make(UInt64(fd), filter, flags | HOST_EV_RECEIPT, 0, UInt64(fd))
            var answer = unsafe event
            unsafe #expect(kernel.kqueueWait(queue, &event, 1, &answer, 1, 0) == 1)
            return unsafe answer.data
        }
        func found() -> [(Int32, UInt32)] {
            var events = unsafe Array(repeating: host_kevent_make(0, 0, 0, 0, 0), count: 8)
            // SAFETY: room for eight events.
            let count = unsafe kernel.kqueueWait(queue, nil, 0, &events, 8, 0)
            return unsafe events.prefix(Int(max(0, count))).map { unsafe (Int32($0.filter), UInt32($0.flags)) }
        }
        func isEqual(_ one: [(Int32, UInt32)], _ other: [(Int32, UInt32)]) -> Bool {
            one.count == other.count && zip(one, other).allSatisfy { $0 == $1 }
        }
        let (one, other) = rig.pair()
        let copy = kernel.dup(other)
        #expect(change(99, HOST_EVFILT_READ, HOST_EV_ADD) == Int64(EBADF))
        #expect(change(other, HOST_EVFILT_READ, HOST_EV_DELETE) == Int64(ENOENT))
        #expect(change(other, HOST_EVFILT_READ, HOST_EV_ADD | HOST_EV_CLEAR) == 0)
        #expect(isEqual(found(), []))
        _ = rig.send(one, [1])
        #expect(isEqual(found(), [(HOST_EVFILT_READ, 0)]) && isEqual(found(), []))
        #expect(change(other, HOST_EVFILT_WRITE, HOST_EV_ADD) == 0)
        #expect(isEqual(found(), [(HOST_EVFILT_WRITE, 0)]) && isEqual(found(), [(HOST_EVFILT_WRITE, 0)]))
        _ = kernel.close(one)
        #expect(isEqual(found(), [(HOST_EVFILT_WRITE, HOST_EV_EOF), (HOST_EVFILT_READ, HOST_EV_EOF)]))
        _ = kernel.close(other)
        #expect(isEqual(found(), []), "although the open file lives on")
        #expect(kernel.isOpen(copy) >= 0 && kernel.kqueueClose(queue) == 0 && kernel.kqueueClose(queue) == -EBADF)
    }

    @Test("datagrams: whole, from somebody; nobody there is told to a connected socket")
    func datagrams() {
        func bound() -> (Int32, SocketAddress) {
            let fd = kernel.socket(AF_INET, KernelRig.datagram, 0)
            _ = kernel.bind(fd, SocketAddress(ipv4: 0x7F00_0001, port: 0))
            var address = SocketAddress()
            _ = kernel.localAddress(fd, &address)
            return (fd, address)
        }
        let (one, from) = bound()
        let (other, to) = bound()
        let bytes: [UInt8] = [1, 2, 3]
        // SAFETY: arrays of the stated sizes.
        unsafe #expect(kernel.sendto(one, bytes, 3, to) == 3)
        #expect(rig.mask(other) == Mask.input | Mask.output)
        var (buffer, peer) = ([UInt8](repeating: 0, count: 2), SocketAddress())
        unsafe #expect(kernel.recvfrom(other, &buffer, 2, &peer) == 2)
        #expect(buffer == [1, 2] && peer == from)
        #expect(rig.recv(other, 9).result == -Int(EAGAIN), "the rest of a datagram is lost")
        _ = kernel.close(other)
        #expect(kernel.connect(one, to) == 0 && rig.send(one, [1]) == 1)
        #expect(rig.mask(one) & Mask.error != 0 && rig.send(one, [1]) == -Int(ECONNREFUSED))
    }

    @Test("what is not played is refused, and noted")
    func refusals() {
        #expect(kernel.machine.unsupported == [])
        #expect(kernel.setNonBlocking(0, false) == -ENOSYS)
        #expect(kernel.socket(AF_NETLINK, KernelRig.stream, 0) == -EAFNOSUPPORT)
        #expect(kernel.machine.unsupported.count == 2)
    }

    @Test("files: in memory, by name")
    func files() {
        #expect(kernel.open("/tmp/a", O_RDONLY, 0) == -ENOENT)
        let fd = kernel.open("/tmp/a", O_WRONLY | O_CREAT, 0o600)
        #expect(rig.write(fd, Array("one".utf8)) == 3 && kernel.rename("/tmp/a", "/tmp/b") == 0)
        #expect(
            kernel.machine.contents(of: "/tmp/b") == Array("one".utf8) && kernel.machine.contents(of: "/tmp/a") == nil)
        let copy = kernel.open("/tmp/b", O_RDONLY, 0)
        #expect(rig.read(copy, 2).bytes == Array("on".utf8) && rig.read(copy, 9).bytes == Array("e".utf8))
        #expect(rig.write(1, Array("out".utf8)) == 3 && kernel.standardOutput == Array("out".utf8))
    }

    @Test("the wall clock may be set; the other one never goes back")
    func clocks() {
        kernel.faults[.wallClockJump] = 0.5
        var (leaps, last, monotonic) = (0, kernel.machine.wallClockMicroseconds, kernel.monotonicNanoseconds())
        for _ in 0..<50 {
            kernel.machine.scheduler.advanceClock(1_000_000)
            let wall = kernel.wallClockMicroseconds()
            if abs(wall - last) > 1_000_000 { leaps += 1 }
            #expect(kernel.monotonicNanoseconds() == monotonic + 1_000_000)
            (last, monotonic) = (wall, kernel.monotonicNanoseconds())
        }
        #expect(leaps > 5 && kernel.machine.faultCounts[.wallClockJump] >= UInt64(leaps))
    }
}
