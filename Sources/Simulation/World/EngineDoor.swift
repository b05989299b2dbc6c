import Base
import CPlatform
import Engine
import Glibc

/// A shared listening socket of an engine world.
final class EngineDoor {
    let world: EngineWorld
    let address: SocketAddress
    private let threads: ThreadSet
    private let acceptsPerTurn: Int
    private(set) var fd: Int32 = -1
    private var isPaused = false
    /// How often it has been opened.
    private(set) var openings = 0

    init(_ world: EngineWorld, _ number: Int, _ group: WorkerGroup) {
        self.world = world
        address = SocketAddress(ipv4: 0x7F00_0001, port: UInt16(7000 + number))
        var mask = ThreadSet.all(world.threads)
        if world.dice.chance(1, of: 3) { mask = .single(world.dice.between(0, world.threads - 1)) }
        threads = mask
        acceptsPerTurn = world.dice.pick([1, 4, 64])
        open(on: group.workers[0])
    }

    private func open(on worker: Worker) {
        let kernel = worker.kernel
        let number = kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        // Without a descriptor it is tried again a little later.
        guard number >= 0 else {
            return worker.schedule(EngineRetry { self.open(on: $0) }, at: worker.now.adding(milliseconds: 20))
        }
        _ = kernel.setOption(number, SOL_SOCKET, SO_REUSEADDR, 1)
        _ = kernel.setOption(number, SOL_SOCKET, SO_REUSEPORT, 1)
        if kernel.bind(number, address) < 0 || kernel.listen(number, 256) < 0 {
            world.violation("a listener cannot be opened again")
        }
        openings += 1
        isPaused = false
        worker.insert(number, EngineAcceptor(world, acceptsPerTurn), kind: .listener, threads: threads)
        worker.want(number, .read)
        fd = number
    }

    func pause(on worker: Worker) {
        guard fd >= 0, !isPaused else { return }
        isPaused = true
        worker.stop(fd, .read)
    }

    func resume(on worker: Worker) {
        guard fd >= 0 else { return }
        isPaused = false
        worker.want(fd, .read)
    }

    func close(on worker: Worker) {
        guard fd >= 0 else { return }
        let closing = fd
        fd = -1
        worker.remove(closing, close: true)
    }

    /// A new socket at the same address, while the threads of the old one may be inside its handler.
    func reopen(on worker: Worker) {
        guard fd >= 0 else { return }
        close(on: worker)
        open(on: worker)
    }
}

/// A task that runs once.
final class EngineRetry: LoopTask {
    private let body: (Worker) -> Void

    init(_ body: @escaping (Worker) -> Void) {
        self.body = body
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) { body(worker) }
}

/// Takes connections in, on whichever thread is woken.
final class EngineAcceptor: Acceptor {
    private let world: EngineWorld

    init(_ world: EngineWorld, _ connectionsPerTurn: Int) {
        self.world = world
        super.init(connectionsPerTurn: connectionsPerTurn)
    }

    override func accepted(_ fd: Int32, from peer: SocketAddress, on worker: Worker) {
        world.openConnections += 1
        let echo = EngineEcho(world)
        worker.insert(fd, EngineEchoHandler(echo, worker), kind: .stream)
        worker.want(fd, .read)
    }
}

/// A connection that sends back what it receives: what goes with it from thread to thread.
final class EngineEcho {
    let world: EngineWorld
    var pending: [UInt8] = []
    var hasEnded = false
    var isClosed = false
    /// The handler that may be called.
    weak var owner: EngineEchoHandler?

    static let windowBytes = 20_000

    init(_ world: EngineWorld) { self.world = world }
}

/// The connection on one thread.
final class EngineEchoHandler: FDHandler {
    private let echo: EngineEcho
    private let index: Int
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(_ echo: EngineEcho, _ worker: Worker) {
        self.echo = echo
        index = worker.index
        super.init()
        echo.owner = self
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if worker.index != index || echo.owner !== self || echo.isClosed {
            return echo.world.violation("a connection is served by a thread that does not own it")
        }
        // Broken, or not to be watched.
        if events.contains(.error) { return close(fd, worker) }
        if !events.isDisjoint(with: [.readable, .hangup]) { receive(fd, worker) }
        if echo.isClosed { return }
        if events.contains(.writable) { flush(fd, worker) }
        if echo.isClosed { return }
        if echo.hasEnded && echo.pending.isEmpty { return close(fd, worker) }
        if echo.pending.isEmpty && echo.world.threads > 1 && echo.world.dice.chance(1, of: 3) { offer(fd, worker) }
    }

    private func close(_ fd: Int32, _ worker: Worker) {
        echo.isClosed = true
        echo.world.openConnections -= 1
        worker.remove(fd)
    }

    private func receive(_ fd: Int32, _ worker: Worker) {
        for _ in 0..<4 where !echo.hasEnded {
            let room = min(buffer.count, EngineEcho.windowBytes - echo.pending.count)
            if room <= 0 { return worker.stop(fd, .read) }
            // SAFETY: the buffer has `room` bytes.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe worker.kernel.recv(fd, $0.baseAddress!, room) }
            if count > 0 {
                echo.pending.append(contentsOf: buffer[..<count])
                flush(fd, worker)
                if echo.isClosed { return }
            } else if count == 0 {
                echo.hasEnded = true
                worker.stop(fd, .read)
            } else if count == -Int(EAGAIN) {
                return worker.cannot(fd, .read)
            } else {
                return close(fd, worker)
            }
        }
    }

    private func flush(_ fd: Int32, _ worker: Worker) {
        while !echo.pending.isEmpty {
            // SAFETY: the array is not changed meanwhile.
            let count = unsafe echo.pending.withUnsafeBytes {
                unsafe worker.kernel.send(fd, $0.baseAddress!, $0.count, more: false)
            }
            if count == -Int(EAGAIN) {
                worker.cannot(fd, .write)
                return worker.want(fd, .write)
            }
            if count < 0 { return close(fd, worker) }
            echo.pending.removeFirst(count)
        }
        worker.stop(fd, .write)
        if !echo.hasEnded { worker.want(fd, .read) }
    }

    /// Offers the idle connection to another thread, which takes it unless something comes first.
    private func offer(_ fd: Int32, _ worker: Worker) {
        let world = echo.world
        // A descriptor that wants to write is not idle.
        guard !worker.isActive(fd, .write), let offer = worker.offer(fd) else { return }
        let echo = echo
        world.order(world.dice.between(0, world.threads - 1)) { taker in
            if taker.index == offerer(offer) { return }
            let before = echo.owner
            let handler = EngineEchoHandler(echo, taker)
            if !taker.take(offer, handler) { echo.owner = before }
        }
        func offerer(_ offer: FDOffer) -> Int { index }
    }
}
