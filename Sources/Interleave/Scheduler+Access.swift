import CInterleave

// What an access does: stops at the scheduling point, reads and writes the word (or an older value), and tells the
// search.

// SAFETY: see `Scheduler`.
extension Scheduler {
    /// An access from anywhere. Returns the value before it; a compareExchange has succeeded if that is as expected.
    @inline(__always)
    static func access(
        _ address: UnsafeMutableRawPointer, wide: Bool, _ operation: Operation, _ effect: Effect, _ operand: UInt64,
        _ expected: UInt64
    ) -> UInt64 {
        guard let pointer = unsafe il_current() else {
            return unsafe plain(address, wide, operation, operand, expected)
        }
        return unsafe Unmanaged<Scheduler>.fromOpaque(pointer)._withUnsafeGuaranteedRef { scheduler in
            guard scheduler.current >= 0 else { return unsafe plain(address, wide, operation, operand, expected) }
            return unsafe scheduler.access(address, wide, operation, effect, operand, expected)
        }
    }

    /// The value that an operation leaves behind.
    @inline(__always)
    static func outcome(_ operation: Operation, _ value: UInt64, _ operand: UInt64, _ expected: UInt64, _ wide: Bool)
        -> UInt64
    {
        switch operation {
        case .load: return value
        case .store, .exchange: return operand
        case .compareExchange: return value == expected ? operand : value
        case .or: return value | operand
        case .and: return value & operand
        case .add: return wide ? value &+ operand : (value &+ operand) & 0xFFFF_FFFF
        }
    }

    /// An access without an exploration, or while a run is set up or checked.
    @inline(never)
    static func plain(
        _ address: UnsafeMutableRawPointer, _ wide: Bool, _ operation: Operation, _ operand: UInt64, _ expected: UInt64
    ) -> UInt64 {
        let word = unsafe address.assumingMemoryBound(to: UInt64.self)
        let half = unsafe address.assumingMemoryBound(to: UInt32.self)
        let value = unsafe wide ? word.pointee : UInt64(half.pointee)
        let new = outcome(operation, value, operand, expected, wide)
        if wide {
            unsafe word.pointee = new
        } else {
            unsafe half.pointee = UInt32(truncatingIfNeeded: new)
        }
        return value
    }

    /// Stops before an access until the search picks it.
    @inline(__always)
    private func arrive(_ cell: Int, writes: Bool) {
        unsafe fibres[current].cell = Int32(truncatingIfNeeded: cell)
        unsafe fibres[current].writes = writes
        let thread = current
        if phase == .starting {
            unsafe il_fibre_switch(&fibres[thread].context, fibres[Scheduler.maxThreads].context!)
            return
        }
        let next = choose()
        if next == thread { return }
        current = next
        unsafe il_fibre_switch(&fibres[thread].context, fibres[next].context!)
    }

    private func access(
        _ address: UnsafeMutableRawPointer, _ wide: Bool, _ operation: Operation, _ effect: Effect, _ operand: UInt64,
        _ expected: UInt64
    ) -> UInt64 {
        let cell = unsafe cell(at: address, wide: wide)
        arrive(cell, writes: operation != .load)
        var read = unsafe value(address, wide)
        if weak, let views {
            read = weakly(views, cell, operation, effect, read, operand, expected, wide)
        }
        let new = Scheduler.outcome(operation, read, operand, expected, wide)
        if operation != .load && !(operation == .compareExchange && read != expected) {
            unsafe put(new, address, wide)
            if new != read { wake(cell) }
        }
        // Which steps depend on each other must not depend on the values, or the reduction would leave out too much: an
        // exchange that fails counts as a write.
        account(cell, operation != .load)
        if isTracing { unsafe note(address, wide, "\(operation.name)(\(effect.name))", operation, read, new, expected) }
        return read
    }

    /// See `Cell.spinWait` and `Cell.park`. False for a sleeper that nobody will wake.
    static func wait(_ address: UnsafeMutableRawPointer, wide: Bool, _ value: UInt64, parks: Bool) -> Bool {
        guard let pointer = unsafe il_current() else { return false }
        return unsafe Unmanaged<Scheduler>.fromOpaque(pointer)._withUnsafeGuaranteedRef { scheduler in
            guard scheduler.current >= 0 else { return false }
            return unsafe scheduler.wait(address, wide, value, parks)
        }
    }

    private func wait(_ address: UnsafeMutableRawPointer, _ wide: Bool, _ seen: UInt64, _ parks: Bool) -> Bool {
        let cell = unsafe cell(at: address, wide: wide)
        let thread = current
        let bit: UInt8 = 1 << UInt8(thread)
        arrive(cell, writes: false)
        account(cell, false)
        views?.seeNewest(thread, cell)
        let now = unsafe value(address, wide)
        let name = parks ? "park" : "spinWait"
        if isTracing { unsafe note(address, wide, name, .load, now, now, 0) }
        if now != seen { return true }
        if parks && isDraining { return false }
        unsafe rows[cell &* Row.length + Row.waiters] |= Int32(bit)
        if parks { parked |= bit } else { spinning |= bit }
        ready &= ~bit
        goOn()
        // Picked again, to look once more.
        unsafe rows[cell &* Row.length + Row.waiters] &= ~Int32(bit)
        account(cell, false)
        views?.seeNewest(thread, cell)
        return !(parks && isDraining)
    }

    /// Lets go on who waits for another value of the cell.
    @inline(__always)
    private func wake(_ cell: Int) {
        let woken = unsafe UInt8(truncatingIfNeeded: rows[cell &* Row.length + Row.waiters])
        if woken == 0 { return }
        unsafe rows[cell &* Row.length + Row.waiters] = 0
        ready |= woken
        spinning &= ~woken
        parked &= ~woken
    }

    /// Tells the search what the step has done, so that it finds the steps that it could also have come before.
    @inline(__always)
    private func account(_ cell: Int, _ writes: Bool) {
        if mode == .search && !isFree { order(cell, writes) }
    }

    /// Two steps depend on each other if they are at one cell and one of them writes. "Before" is the order of threads
    /// and of dependent steps; clocks say which steps of each thread are before the last step of another.
    private func order(_ cell: Int, _ writes: Bool) {
        let (thread, node) = (current, lastNode)
        unsafe nodes[node].cell = Int32(truncatingIfNeeded: cell)
        unsafe nodes[node].writes = writes
        guard reduces else { return }
        let row = unsafe rows + cell &* Row.length
        let mine = unsafe clocks + thread &* Scheduler.maxThreads
        let kept = unsafe nodeClocks + node &* Scheduler.maxThreads
        if node >= settled {
            unsafe findRaces(row, mine, writes)
            let past = unsafe row + (writes ? Row.accessed : Row.written)
            for other in 0..<threadCount { unsafe kept[other] = max(mine[other], past[other]) }
            unsafe kept[thread] = Int32(truncatingIfNeeded: node)
        }
        let (reads, written, accessed) = unsafe (row + Row.reads, row + Row.written, row + Row.accessed)
        for other in 0..<threadCount {
            let known = unsafe kept[other]
            unsafe mine[other] = known
            if unsafe known > accessed[other] { unsafe accessed[other] = known }
            if writes {
                unsafe written[other] = known
                unsafe reads[other] = -1
            }
        }
        if writes {
            unsafe row[Row.lastWrite] = Int32(truncatingIfNeeded: node)
            unsafe row[Row.lastWriter] = Int32(truncatingIfNeeded: thread)
        } else {
            unsafe reads[thread] = Int32(truncatingIfNeeded: node)
        }
    }

    /// Steps that the current one depends on and that were not before it anyway: it could have come before them.
    @inline(__always)
    private func findRaces(_ row: UnsafeMutablePointer<Int32>, _ mine: UnsafeMutablePointer<Int32>, _ writes: Bool) {
        let thread = current
        let reads = unsafe row + Row.reads
        let last = unsafe row[Row.lastWrite]
        let writer = unsafe Int(row[Row.lastWriter])
        var racing: UInt8 = 0
        if writes {
            for other in 0..<threadCount where other != thread {
                let read = unsafe reads[other]
                if read >= 0, unsafe mine[other] < read { racing |= 1 << UInt8(other) }
            }
        }
        let isWriteNews = unsafe last >= 0 && writer != thread && mine[writer] < last
        if racing == 0 && !isWriteNews { return }
        // What is before this step, itself left out.
        let past = unsafe row + (writes ? Row.accessed : Row.written)
        for other in 0..<threadCount { unsafe scratch[other] = max(mine[other], past[other]) }
        if racing == 0 { return mayPrecede(Int(last), thread) }
        for other in 0..<threadCount where racing & 1 << UInt8(other) != 0 {
            mayPrecede(unsafe Int(reads[other]), thread)
        }
    }

    // MARK: Older values

    /// The value that an access reads, chosen among those that the orderings allow, and what that does to the views.
    private func weakly(
        _ views: Views, _ cell: Int, _ operation: Operation, _ effect: Effect, _ newest: UInt64, _ operand: UInt64,
        _ expected: UInt64, _ wide: Bool
    ) -> UInt64 {
        let thread = current
        var age = 0
        if operation == .load || operation == .compareExchange {
            var oldest = views.oldest(thread, cell, effect)
            if unsafe fibres[thread].staleReads <= 0 { oldest = 0 }
            if operation == .compareExchange {
                // An older value may only make it fail: the exchange itself is with the newest.
                var ages = 0
                for candidate in 1..<max(1, oldest + 1) where views.value(cell, age: candidate) != expected {
                    ages += 1
                }
                var left = ages == 0 ? 0 : chooseValue(ages + 1)
                while left > 0 {
                    age += 1
                    if views.value(cell, age: age) != expected { left -= 1 }
                }
            } else if oldest > 0 {
                age = chooseValue(oldest + 1)
            }
            if age > 0 { unsafe fibres[thread].staleReads -= 1 }
        }
        let read = age == 0 ? newest : views.value(cell, age: age)
        views.read(thread, cell, age: age, effect, reads: operation != .store)
        if operation == .load || (operation == .compareExchange && read != expected) { return read }
        let new = Scheduler.outcome(operation, read, operand, expected, wide)
        views.write(thread, cell, new, effect, continues: operation != .store)
        return read
    }

    // MARK: Traces

    private func note(
        _ address: UnsafeMutableRawPointer, _ wide: Bool, _ what: String, _ operation: Operation, _ read: UInt64,
        _ new: UInt64, _ expected: UInt64
    ) {
        let name =
            names[UInt(bitPattern: address)] ?? (unsafe "cell \(cell(at: address, wide: wide))")
        func text(_ value: UInt64) -> String {
            if !wide { return "\(Int32(truncatingIfNeeded: value))" }
            return value > 9999 ? "0x" + String(value, radix: 16) : "\(value)"
        }
        let letter = String(Unicode.Scalar(UInt8(97 + current)))
        let age = unsafe steps > 0 ? log[steps - 1] >> 8 : 0
        let stale = age > 0 ? " (\(age) old)" : ""
        var result = operation == .load ? "= \(text(read))\(stale)" : "\(text(read))\(stale) -> \(text(new))"
        if operation == .compareExchange { result += read == expected ? "" : " failed, expected \(text(expected))" }
        trace.append("  \(letter) \(name).\(what) \(result)")
    }
}
