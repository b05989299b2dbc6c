import Base
import CPlatform
import Glibc

// What is common to calls: descriptors, the trace, scheduling points, waiting.

extension SimKernel {
    // MARK: Around a call

    /// A scheduling point before the call, where the thread may also be stalled.
    func begin() {
        let scheduler = machine.scheduler
        guard scheduler.isInFibre else { return scheduler.runDue() }
        if machine.inject(faults, .stall) { scheduler.sleep(scheduler.draw(faults.stallNanoseconds)) }
        if scheduler.chance(scheduler.options.switchProbability) { scheduler.yield() }
        scheduler.runDue()
    }

    /// The trace, and a scheduling point after the call.
    @discardableResult
    func end(_ call: SimCall, _ first: Int, _ second: Int, _ result: Int) -> Int {
        let scheduler = machine.scheduler
        scheduler.trace.mix(
            UInt64(call.rawValue) << 32 | UInt64(UInt32(truncatingIfNeeded: scheduler.current?.number ?? -1)))
        scheduler.trace.mix(scheduler.now)
        scheduler.trace.mix(UInt64(bitPattern: Int64(first)) &* 31 &+ UInt64(bitPattern: Int64(second)))
        scheduler.trace.mix(UInt64(bitPattern: Int64(result)))
        if let sink = scheduler.trace.sink { sink(line(call, first, second, result)) }
        scheduler.step()
        return result
    }

    @discardableResult
    func end(_ call: SimCall, _ first: Int, _ second: Int, _ result: Int32) -> Int32 {
        Int32(truncatingIfNeeded: end(call, first, second, Int(result)))
    }

    private func line(_ call: SimCall, _ first: Int, _ second: Int, _ result: Int) -> String {
        let who = machine.scheduler.current?.name ?? "outside"
        let answer = SystemError(result: result).map { "-" + $0.name } ?? "\(result)"
        return "\(machine.scheduler.now) \(name)/\(who) \(call)(\(first), \(second)) = \(answer)"
    }

    // MARK: Descriptors

    func file(_ fd: Int32) -> SimFile? {
        fd >= 0 && Int(fd) < descriptors.count ? descriptors[Int(fd)] : nil
    }

    /// The lowest number that is free, as Linux gives it; -EMFILE beyond the limit.
    func install(_ file: SimFile) -> Int32 {
        var number = firstFree
        while number < descriptors.count && descriptors[number] != nil { number += 1 }
        if UInt64(number) >= softLimit { return -EMFILE }
        if number == descriptors.count { descriptors.append(nil) }
        descriptors[number] = file
        firstFree = number + 1
        file.references += 1
        return Int32(number)
    }

    /// Whether one more descriptor is to be had.
    var hasRoom: Bool {
        var number = firstFree
        while number < descriptors.count && descriptors[number] != nil { number += 1 }
        return UInt64(number) < softLimit
    }

    func remove(_ fd: Int32) -> Int32 {
        guard let file = file(fd) else { return -EBADF }
        descriptors[Int(fd)] = nil
        firstFree = min(firstFree, Int(fd))
        for queue in kqueues { queue.closed(fd) }
        if file is SimKqueue { kqueues.removeAll { $0 === file } }
        letGo(file)
        return 0
    }

    /// One reference less to an open file.
    func letGo(_ file: SimFile) {
        file.references -= 1
        if file.references == 0 { file.released() }
    }

    /// The error of a call that makes a descriptor, if chance wants one.
    func creationFault() -> Int32 {
        if machine.inject(faults, .noDescriptor) { return -EMFILE }
        if machine.inject(faults, .noFile) { return -ENFILE }
        if machine.inject(faults, .noBuffers) { return -ENOBUFS }
        if machine.inject(faults, .noMemory) { return -ENOMEM }
        return 0
    }

    // MARK: Waiting

    /// Wakes a fibre that waits in this process; by chance, late.
    func wake(_ fibre: SimFibre) {
        guard machine.inject(faults, .lateReadiness) else { return machine.scheduler.wake(fibre) }
        let block = fibre.block
        machine.scheduler.after(machine.scheduler.draw(faults.delayNanoseconds)) { [self] in
            if fibre.block == block { machine.scheduler.wake(fibre) }
        }
    }

    /// Looks until there is something, the time is over, or a signal comes. Outside of a fibre it looks once.
    func wait(
        _ timeoutMilliseconds: Int32, _ look: () -> Int, _ sleep: (SimFibre) -> Void, _ getUp: (SimFibre) -> Void
    ) -> Int {
        let scheduler = machine.scheduler
        var found = look()
        guard found == 0, timeoutMilliseconds != 0, let fibre = scheduler.current else { return found }
        let timeout = UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        let deadline = timeoutMilliseconds < 0 ? UInt64.max : scheduler.now + timeout
        var interruption = UInt64.max
        if machine.inject(faults, .interruptedWait) {
            let longest = timeoutMilliseconds < 0 ? 50_000_000 : min(timeout, 50_000_000)
            interruption = scheduler.now + scheduler.draw(0...longest)
        }
        while true {
            sleep(fibre)
            scheduler.block(until: min(deadline, interruption))
            getUp(fibre)
            found = look()
            if found != 0 { return found }
            if scheduler.now >= interruption { return -Int(EINTR) }
            if scheduler.now >= deadline { return 0 }
        }
    }
}

/// The calls, as they stand in traces.
enum SimCall: UInt8 {
    case recv, peek, send, sendv, recvv, read, write, sendto, recvfrom, splice
    case socket, socketpair, bind, listen, connect, accept, shutdown, close
    case setOption, setOptionBytes, getOption, getOptionBytes, localAddress, peerAddress
    case setNonBlocking, setCloseOnExec, isOpen, dup, pipe, setPipeSize, eventfd
    case epollCreate, epollControl, epollWait, kqueueCreate, kqueueWait, kqueueClose, poll, select
    case open, unlink, rename, chmod, chown
    case wallClock, threadClock, setDescriptorLimit, startThread, joinThread, yieldThread, randomSeed, lookUpHost
    case makeRing, ringEnable, ringEnter, ringClose
}
