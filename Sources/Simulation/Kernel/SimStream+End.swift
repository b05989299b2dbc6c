import Base
import CPlatform
import Glibc

// How a connection ends: shutdown, close, reset.

extension SimStream {
    /// `shutdown`.
    func shutDown(_ how: Int32) -> Int32 {
        guard how >= 0 && how <= 2 else { return -EINVAL }
        let read = how != Int32(SHUT_WR)
        let write = how != Int32(SHUT_RD)
        if isUnix { return shutDownUnix(read: read, write: write) }
        switch state {
        case .fresh, .dead:
            shutRead = shutRead || read
            shutWrite = shutWrite || write
            wake(Mask.any, all: true)
            return -ENOTCONN
        case .listening:
            if read { stopListening() }
        case .connecting:
            pendingError = ECONNRESET
            state = .fresh
            connectFailed = false
        case .connected:
            let sendsEnd = write && !shutWrite
            shutRead = shutRead || read
            shutWrite = shutWrite || write
            if sendsEnd { sendEnd() }
            noteEnds()
        }
        wake(Mask.any, all: true)
        return 0
    }

    private func shutDownUnix(read: Bool, write: Bool) -> Int32 {
        shutRead = shutRead || read
        shutWrite = shutWrite || write
        if let peer, state == .connected {
            peer.shutRead = peer.shutRead || write
            peer.shutWrite = peer.shutWrite || read
            peer.wake(Mask.any, all: true)
        }
        wake(Mask.any, all: true)
        return 0
    }

    private func sendEnd() {
        guard let receiver = peer else { return }
        travel { receiver.endArrived() }
    }

    func endArrived() {
        if state == .dead || state == .fresh || isOrphan { return }
        if inbound.waiting > 0 {
            inbound.endWaits = true
            return
        }
        unhide()
        finReceived = true
        shutRead = true
        noteEnds()
        wake(Mask.any, all: true)
    }

    /// Ended in both directions, the connection is none any more.
    private func noteEnds() {
        if state == .connected && finReceived && shutWrite { state = .dead }
    }

    // MARK: Reset

    /// The peer's reset has arrived, or the answer that nobody listens.
    func resetArrived() {
        if state == .fresh { return }
        if state == .dead || isOrphan {
            state = .dead
            return
        }
        unhide()
        pendingError = state == .connecting ? ECONNREFUSED : finReceived ? EPIPE : ECONNRESET
        connectFailed = state == .connecting
        shutRead = true
        shutWrite = true
        state = .dead
        wake(Mask.any, all: true)
    }

    /// The network gives the connection up, at both ends.
    func breakDown() {
        guard let other = peer else { return }
        travel { other.resetArrived() }
        let mine = self
        other.travel { mine.resetArrived() }
    }

    /// `connect` to no address: a connection is broken at once, and what is unread is gone.
    func disconnect() -> Int32 {
        if isUnix { return -EINVAL }
        switch state {
        case .fresh: break
        case .listening: stopListening()
        case .connecting, .connected, .dead:
            if state != .dead {
                if let other = peer { travel { other.resetArrived() } }
                pendingError = ECONNRESET
            }
            peer = nil
            inbound.clear()
            (shutRead, shutWrite, finReceived, connectFailed, connectReports) = (false, false, false, false, false)
            state = .fresh
        }
        wake(Mask.error, all: true)
        return 0
    }

    // MARK: Close

    /// The last descriptor has been closed.
    func leave() {
        isOrphan = true
        if isBound {
            isBound = false
            machine.streams.removeAll { $0 === self }
        }
        switch state {
        case .listening: stopListening()
        case .connecting:
            state = .dead
            if let server = peer { travel { server.resetArrived() } }
        case .connected: isUnix ? closeUnix() : closeTCP()
        case .fresh, .dead: break
        }
        forgetWaiters()
        if let other = peer, other.isOrphan {
            other.peer = nil
            peer = nil
        }
    }

    private func closeTCP() {
        guard let other = peer else { return }
        if inbound.visible + inbound.hidden > 0 || lingersNot {
            state = .dead
            travel { other.resetArrived() }
        } else if !shutWrite {
            shutWrite = true
            sendEnd()
        }
    }

    private func closeUnix() {
        guard let other = peer else { return }
        if inbound.visible > 0 { other.pendingError = ECONNRESET }
        inbound.clear()
        state = .dead
        other.shutRead = true
        other.shutWrite = true
        other.wake(Mask.any, all: true)
    }

    /// Those that wait to be accepted are reset.
    private func stopListening() {
        let waiting = acceptQueue
        acceptQueue = []
        state = .fresh
        for connection in waiting { connection.abandon() }
    }

    /// Nobody will accept it.
    func abandon() {
        guard let client = peer else { return }
        isOrphan = true
        if isUnix {
            client.pendingError = ECONNRESET
            closeUnix()
        } else {
            state = .dead
            travel { client.resetArrived() }
        }
    }
}
