import Base
import CPlatform
import Engine
import Glibc
import Testing

@testable import Simulation

/// One call of a sequence. Descriptors are named by their position among those that the sequence has opened.
private enum Step {
    case send(Int, Int)
    case fill(Int)
    case recv(Int, Int)
    case peek(Int, Int)
    case drain(Int)
    case read(Int, Int)
    case write(Int, Int)
    case ring(Int)
    case shutdown(Int, Int32)
    case close(Int)
    case reset(Int)
    case error(Int)
    case peer(Int)
    case dup(Int)
    case add(Int, UInt32)
    case modify(Int, UInt32)
    case delete(Int)
    case connect(Int)
    case accept
    case listenerShutdown
    case splice(Int, Int, Int)
}

/// What a sequence works on.
private enum Stage: CaseIterable {
    case tcp, unix, pipe, eventfd, connecting, splice, udp, unixDatagram

    /// Descriptors that it opens at first.
    var descriptors: Int {
        switch self {
        case .tcp, .unix, .pipe, .udp, .unixDatagram: return 2
        case .eventfd: return 1
        case .connecting: return 3
        case .splice: return 4
        }
    }
}

/// Plays a sequence on a kernel and notes everything that can be seen.
private struct Player {
    let rig: KernelRig
    /// Lets the real network come to rest.
    let settleMicroseconds: UInt32
    var files: [Int32] = []
    var isGone: [Bool] = []
    var level: Int32 = -1
    var edge: Int32 = -1
    var queue: Int32 = -1
    /// With a second descriptor of an open file the emulation of kqueue and a real one differ.
    var hasDuplicates = false
    var listening: Int32 = -1
    var address = SocketAddress()
    var log: [String] = []

    init(_ rig: KernelRig, settleMicroseconds: UInt32) {
        self.rig = rig
        self.settleMicroseconds = settleMicroseconds
    }

    mutating func play(_ stage: Stage, _ steps: [Step]) -> [String] {
        level = rig.kernel.epollCreate()
        edge = rig.kernel.epollCreate()
        open(stage)
        isGone = files.map { _ in false }
        // How many places of a pipe a piece of a socket takes is the network's business: its edges are not compared.
        for (number, file) in files.enumerated() where file >= 0 && (stage != .splice || number < 2) {
            _ = rig.add(edge, file, Mask.input | Mask.output | Mask.peerHangup | HOST_EPOLL_ET, token: UInt64(number))
        }
        look("start")
        queue = rig.kernel.kqueueCreate()
        for (number, file) in files.enumerated() where file >= 0 { rig.addFilters(queue, file, token: UInt64(number)) }
        for step in steps {
            // What arrives while a full buffer is emptied depends on window sizes: only the outcome is compared.
            if case .drain = step {
                look("\(step) = \(perform(step))", comparesEdges: false)
            } else {
                look("\(step) = \(perform(step))")
            }
        }
        for (number, file) in files.enumerated() where !isGone[number] { _ = rig.kernel.close(file) }
        for file in [level, edge, listening] where file >= 0 { _ = rig.kernel.close(file) }
        _ = rig.kernel.kqueueClose(queue)
        return log
    }

    private mutating func open(_ stage: Stage) {
        func two(_ pair: (Int32, Int32)) -> [Int32] { [pair.0, pair.1] }
        switch stage {
        case .tcp: files = two(rig.connection())
        case .unix: files = two(rig.pair())
        case .pipe: files = two(rig.pipe())
        case .eventfd: files = [rig.kernel.eventfd()]
        case .unixDatagram: files = two(rig.pair(KernelRig.datagram))
        case .udp: files = two(rig.datagramPair())
        case .splice: files = two(rig.connection()) + two(rig.pipe())
        case .connecting:
            (listening, address) = rig.listener(backlog: 8)
            files = (0..<3).map { _ in rig.kernel.socket(AF_INET, KernelRig.stream, 0) }
            _ = rig.add(edge, listening, Mask.input | HOST_EPOLL_ET, token: 100)
            _ = rig.add(level, listening, Mask.input | HOST_EPOLL_EXCLUSIVE, token: 100)
        }
    }

    private mutating func perform(_ step: Step) -> Int {
        let kernel = rig.kernel
        switch step {
        case .send(let file, let count): return rig.send(files[file], pattern(count, count))
        case .fill(let file):
            // How much fits is not compared: only that it ends.
            for _ in 0..<2000 {
                let result = rig.send(files[file], pattern(1, 16384))
                if result < 0 { return result }
            }
            return 0
        case .recv(let file, let count): return digest(rig.recv(files[file], count))
        case .peek(let file, let count): return digest(rig.recv(files[file], count, peeks: true))
        case .drain(let file):
            for _ in 0..<4000 {
                let result = rig.recv(files[file], 65536).result
                if result <= 0 { return result }
            }
            return 1
        case .read(let file, let count): return digest(rig.read(files[file], count))
        case .write(let file, let count): return rig.write(files[file], pattern(count, count))
        case .ring(let file): return rig.write(files[file], [1, 0, 0, 0, 0, 0, 0, 0])
        case .shutdown(let file, let how): return Int(kernel.shutdown(files[file], how))
        case .close(let file):
            isGone[file] = true
            return Int(kernel.close(files[file]))
        case .reset(let file):
            var value = linger(l_onoff: 1, l_linger: 0)
            // SAFETY: the option's bytes are those of a local.
            unsafe withUnsafeBytes(of: &value) {
                _ = unsafe kernel.setOption(files[file], SOL_SOCKET, SO_LINGER, $0.baseAddress!, $0.count)
            }
            isGone[file] = true
            return Int(kernel.close(files[file]))
        case .error(let file): return kernel.getOption(files[file], SOL_SOCKET, SO_ERROR)
        case .peer(let file):
            var address = SocketAddress()
            return Int(kernel.peerAddress(files[file], &address))
        case .dup(let file):
            hasDuplicates = true
            let number = kernel.dup(files[file])
            files.append(number)
            isGone.append(false)
            return number >= 0 ? 0 : Int(number)
        case .add(let file, let events): return Int(rig.add(level, files[file], events, token: UInt64(file)))
        case .modify(let file, let events):
            return Int(kernel.epollControl(level, HOST_EPOLL_CTL_MOD, files[file], events, UInt64(file)))
        case .delete(let file): return Int(kernel.epollControl(level, HOST_EPOLL_CTL_DEL, files[file], 0, 0))
        case .connect(let file): return Int(kernel.connect(files[file], address))
        case .accept:
            var peer = SocketAddress()
            let number = kernel.accept(listening, &peer)
            if number >= 0 {
                files.append(number)
                isGone.append(false)
                _ = rig.add(
                    edge, number, Mask.input | Mask.output | Mask.peerHangup | HOST_EPOLL_ET,
                    token: UInt64(files.count - 1))
            }
            return number >= 0 ? 0 : Int(number)
        case .listenerShutdown:
            let result = kernel.close(listening)
            listening = -1
            return Int(result)
        case .splice(let from, let to, let count): return kernel.splice(files[from], files[to], count, more: false)
        }
    }

    private func digest(_ found: (result: Int, bytes: [UInt8])) -> Int {
        found.result <= 0 ? found.result : found.bytes.reduce(found.result) { ($0 &* 31 &+ Int($1)) & 0xFFFFFF }
    }

    /// Everything that can be seen without changing anything.
    private mutating func look(_ what: String, comparesEdges: Bool = true) {
        if settleMicroseconds > 0 { usleep(settleMicroseconds) }
        // The tests' own epoll wait comes first: poll notes that somebody looks for room.
        var line = what
        for (name, poller) in [("edge", edge), ("level", level)] {
            let found = rig.events(poller).map { ($0.token, $0.events) }.sorted { $0 < $1 }
            if poller == edge && !comparesEdges { continue }
            line += " \(name)" + found.map { "[\($0.0):\(String($0.1, radix: 16))]" }.joined()
        }
        for (number, file) in files.enumerated() where !isGone[number] {
            line += " \(number):\(String(rig.mask(file), radix: 16))\(rig.select(file))"
        }
        if !hasDuplicates { line += " kqueue" + rig.filters(queue) }
        if listening >= 0 { line += " l:\(rig.mask(listening))" }
        log.append(line)
    }
}

/// Draws sequences.
private struct Author {
    var random: Random
    private var hasFilled = false

    init(random: Random) {
        self.random = random
    }

    mutating func sequence(_ stage: Stage) -> [Step] {
        var open = Array(0..<stage.descriptors)
        var count = stage.descriptors
        var hasListener = stage == .connecting
        var steps: [Step] = []
        for _ in 0..<(6 + random.below(14)) {
            guard let file = open.isEmpty ? nil : open[random.below(open.count)] else { break }
            let choice = random.below(100)
            switch stage {
            case .pipe:
                steps.append(pipeStep(file, choice, &open))
            case .eventfd:
                steps.append(
                    choice < 45 ? .ring(0) : choice < 80 ? .read(0, 8) : choice < 90 ? .read(0, 4) : .write(0, 3))
            case .connecting:
                if choice < 30 {
                    steps.append(.connect(random.below(3)))
                } else if choice < 55 && hasListener {
                    steps.append(.accept)
                    // Whether it succeeds is not known here: nothing more is done with it.
                } else if choice < 60 && hasListener {
                    steps.append(.listenerShutdown)
                    hasListener = false
                } else {
                    steps.append([.error(file), .peer(file), .send(file, 10), .recv(file, 10)][random.below(4)])
                }
            case .splice:
                let sizes = [1, 100, 4096, 5000]
                let size = sizes[random.below(4)]
                steps.append(
                    choice < 30
                        ? .send(0, size)
                        : choice < 60 ? .splice(1, 3, size) : choice < 90 ? .splice(2, 1, size) : .recv(0, 10_000))
            case .udp, .unixDatagram:
                steps.append(
                    choice < 40
                        ? .send(file, 1 + random.below(500))
                        : choice < 75
                            ? .recv(file, 1 + random.below(600))
                            : choice < 80
                                ? .peek(file, 10)
                                : choice < 90 ? .error(file) : choice < 94 ? .shutdown(file, 2) : .close(file))
            case .tcp, .unix:
                steps.append(socketStep(file, choice, &open, &count, isTCP: stage == .tcp))
            }
            open.removeAll { gone in
                if case .close(let file)? = steps.last { return gone == file }
                if case .reset(let file)? = steps.last { return gone == file }
                return false
            }
        }
        return steps
    }

    private mutating func pipeStep(_ file: Int, _ choice: Int, _ open: inout [Int]) -> Step {
        let sizes = [1, 100, 4000, 4096, 5000, 9000, 40_000]
        switch choice {
        case 0..<45: return .write(1, sizes[random.below(sizes.count)]).unless(!open.contains(1), .read(0, 1))
        case 45..<90:
            return open.contains(0) ? .read(0, sizes[random.below(sizes.count)]) : .write(1, 10)
        case 90..<94: return .write(0, 5).unless(!open.contains(0), .close(1))
        default: return .close(file)
        }
    }

    private mutating func socketStep(
        _ file: Int, _ choice: Int, _ open: inout [Int], _ count: inout Int, isTCP: Bool
    ) -> Step {
        let masks: [UInt32] = [Mask.input, Mask.output, Mask.input | Mask.output | Mask.peerHangup]
        let events = masks[random.below(3)]
        switch choice {
        // How much fits into a buffer that was full once, nobody but Linux knows.
        case 0..<28: return hasFilled ? .peek(file, 50) : .send(file, 1 + random.below(1000))
        case 28..<50: return .recv(file, 1 + random.below(1500))
        case 50..<54: return .peek(file, 100)
        case 54..<57:
            hasFilled = true
            return .fill(file)
        case 57..<61: return .drain(file)
        case 61..<67: return .shutdown(file, Int32(random.below(3)))
        case 67..<71: return .close(file)
        case 71..<73: return isTCP ? .reset(file) : .close(file)
        case 73..<77: return .error(file)
        case 77..<79: return .peer(file)
        case 79..<82:
            open.append(count)
            count += 1
            return .dup(file)
        case 82..<91: return .add(file, events)
        case 91..<96: return .modify(file, events)
        default: return .delete(file)
        }
    }
}

extension Step {
    fileprivate func unless(_ condition: Bool, _ other: Step) -> Step { condition ? other : self }
}

/// The same sequences on Linux and on the played kernel.
@Suite("The played kernel does what Linux does")
struct KernelDifferentialTests {
    @Test("random sequences give the same results and events", arguments: Stage.allCases.indices)
    func sequences(index: Int) throws {
        let stage = Stage.allCases[index]
        // As the program does: writing to a pipe that nobody reads is an error, not a death.
        signal(SIGPIPE, SIG_IGN)
        for seed in 1...25 as ClosedRange<UInt64> {
            var author = Author(random: Random(seed: seed &* 977 &+ UInt64(index)))
            let steps = author.sequence(stage)
            var network = SimMachine.Options()
            network.latencyNanoseconds = 0...0
            network.streamBytes = 512 * 1024
            let machine = SimMachine(SimScheduler(seed: seed), options: network)
            var options = SimKernel.Options()
            options.offersKqueue = true
            var played = Player(KernelRig(kernel: SimKernel(machine, options: options)), settleMicroseconds: 0)
            let expected = played.play(stage, steps)
            #expect(machine.unsupported == [])
            // The real network takes its time when the machine is busy: a difference counts if it stays.
            var real: [String] = []
            for settle in [0, 2_000, 20_000] as [UInt32] {
                var player = Player(KernelRig(kernel: HostKernel(kqueueEmulation: true)), settleMicroseconds: settle)
                real = player.play(stage, steps)
                if real == expected { break }
            }
            guard let place = zip(real, expected).enumerated().first(where: { $0.element.0 != $0.element.1 }) else {
                continue
            }
            let before = expected[..<place.offset].joined(separator: "\n")
            Issue.record(
                """
                \(stage), seed \(seed), step \(place.offset):
                \(before)
                Linux:  \(place.element.0)
                played: \(place.element.1)
                """)
            break
        }
    }
}
