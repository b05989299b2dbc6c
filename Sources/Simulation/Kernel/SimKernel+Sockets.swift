import Base
import CPlatform
import Glibc

// Sockets and streams: what the overrides of `SimKernel` call.

// SAFETY: pointers are the caller's, valid for the counts that come with them (see `Kernel`).
extension SimKernel {
    func makeSocket(_ family: Int32, _ type: Int32) -> Int32 {
        let fault = creationFault()
        if fault < 0 { return fault }
        guard family == AF_INET || family == AF_INET6 || family == AF_UNIX else {
            machine.refuse("socket family \(family)")
            return -EAFNOSUPPORT
        }
        if !hasRoom { return -EMFILE }
        switch type {
        case SimKernel.streamType: return install(SimStream(machine, family: family))
        case SimKernel.datagramType: return install(SimDatagram(machine, family: family))
        default:
            machine.refuse("socket type \(type)")
            return -EPROTONOSUPPORT
        }
    }

    static var streamType: Int32 { Int32(SOCK_STREAM.rawValue) }
    static var datagramType: Int32 { Int32(SOCK_DGRAM.rawValue) }

    func makePair(_ type: Int32, _ pair: inout (Int32, Int32)) -> Int32 {
        let fault = creationFault()
        if fault < 0 { return fault }
        switch type {
        case SimKernel.streamType:
            let one = SimStream(machine, family: AF_UNIX)
            let other = SimStream(machine, family: AF_UNIX)
            SimStream.join(one, other)
            return installPair(one, other, &pair)
        case SimKernel.datagramType:
            let one = SimDatagram(machine, family: AF_UNIX)
            let other = SimDatagram(machine, family: AF_UNIX)
            SimDatagram.join(one, other)
            return installPair(one, other, &pair)
        default:
            machine.refuse("socketpair type \(type)")
            return -EPROTONOSUPPORT
        }
    }

    func installPair(_ one: SimFile, _ other: SimFile, _ pair: inout (Int32, Int32)) -> Int32 {
        let first = install(one)
        if first < 0 { return first }
        let second = install(other)
        if second < 0 {
            _ = remove(first)
            return second
        }
        pair = (first, second)
        return 0
    }

    func makePipe(_ pair: inout (Int32, Int32)) -> Int32 {
        let fault = creationFault()
        if fault < 0 { return fault }
        let buffer = PipeBuffer()
        let reader = SimPipeEnd(machine, buffer, writes: false)
        return installPair(reader, SimPipeEnd(machine, buffer, writes: true), &pair)
    }

    func acceptFrom(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        file(fd).map { accept(from: $0, &address) } ?? -EBADF
    }

    func accept(from file: SimFile, _ address: inout SocketAddress) -> Int32 {
        guard let listener = file as? SimStream else { return file.isSocket ? -EOPNOTSUPP : -ENOTSOCK }
        guard listener.isListening else { return -EINVAL }
        // As Linux does it: the number comes first, so that EMFILE is the answer even if nobody waits.
        if !hasRoom { return -EMFILE }
        let fault = creationFault()
        if fault < 0 { return fault }
        if machine.inject(faults, .readAgain) {
            // As if somebody else had been faster; whoever waits is told again.
            machine.scheduler.after(machine.scheduler.draw(faults.delayNanoseconds)) { listener.wake(Mask.input) }
            return -EAGAIN
        }
        let (connection, error) = listener.accept()
        guard let connection else { return error }
        if machine.inject(faults, .acceptAborted) {
            connection.abandon()
            return -ECONNABORTED
        }
        address = connection.remote
        if connection.isUnix && address.family == .unspecified { address = SimKernel.unnamed }
        return install(connection)
    }

    /// What a unix socket without a name has for an address: the family alone.
    static var unnamed: SocketAddress {
        var address = SocketAddress()
        // SAFETY: the two bytes of the family.
        unsafe address.update { pointer, size in
            unsafe pointer.pointee.sa_family = sa_family_t(AF_UNIX)
            size = 2
        }
        return address
    }

    /// A descriptor that is a socket, or -errno.
    private func socketFile(_ fd: Int32) -> (file: SimFile?, error: Int32) {
        guard let file = file(fd) else { return (nil, -EBADF) }
        return file.isSocket ? (file, 0) : (nil, -ENOTSOCK)
    }

    func bindSocket(_ fd: Int32, _ address: SocketAddress) -> Int32 {
        let (file, error) = socketFile(fd)
        if let stream = file as? SimStream { return stream.bind(address) }
        return (file as? SimDatagram)?.bind(address) ?? error
    }

    func listenOn(_ fd: Int32, _ backlog: Int32) -> Int32 {
        let (file, error) = socketFile(fd)
        if let stream = file as? SimStream { return stream.listen(backlog) }
        return error < 0 ? error : -EOPNOTSUPP
    }

    func connectTo(_ fd: Int32, _ address: SocketAddress) -> Int32 {
        let (file, error) = socketFile(fd)
        if let stream = file as? SimStream { return stream.connect(address) }
        return (file as? SimDatagram)?.connect(address) ?? error
    }

    func shutDown(_ fd: Int32, _ how: Int32) -> Int32 {
        let (file, error) = socketFile(fd)
        if let stream = file as? SimStream { return stream.shutDown(how) }
        return (file as? SimDatagram)?.shutDown(how) ?? error
    }

    func address(of fd: Int32, isPeer: Bool, _ address: inout SocketAddress) -> Int32 {
        let (file, error) = socketFile(fd)
        if let stream = file as? SimStream {
            if isPeer {
                let isKnown = stream.isUnix ? stream.peer != nil || stream.state == .dead : stream.state == .connected
                if !isKnown { return -ENOTCONN }
            }
            address = isPeer ? stream.remote : stream.local
            if address.family == .unspecified { address = SimKernel.blank(stream.family) }
            return 0
        }
        if let datagram = file as? SimDatagram {
            if isPeer && datagram.remote.family == .unspecified { return -ENOTCONN }
            address = isPeer ? datagram.remote : datagram.local
            if address.family == .unspecified { address = SimKernel.blank(datagram.family) }
            return 0
        }
        return error
    }

    private static func blank(_ family: Int32) -> SocketAddress {
        switch family {
        case AF_INET: return SocketAddress(ipv4: 0, port: 0)
        case AF_INET6: return SocketAddress(ipv6: 0, 0, port: 0)
        default: return unnamed
        }
    }

    // MARK: Bytes

    func receive(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, isReceive: Bool, peeks: Bool = false) -> Int {
        guard let file = file(fd) else { return -Int(EBADF) }
        return unsafe file.read(buffer, SimRead(peeks: peeks, faults: faults, isReceive: isReceive))
    }

    func transmit(_ fd: Int32, _ bytes: UnsafeRawBufferPointer, isSend: Bool) -> Int {
        guard let file = file(fd) else { return -Int(EBADF) }
        if isSend && !file.isSocket { return -Int(ENOTSOCK) }
        return unsafe transmit(file, bytes)
    }

    func transmit(_ file: SimFile, _ bytes: UnsafeRawBufferPointer) -> Int {
        let result = unsafe file.write(bytes, SimWrite(faults: faults))
        if result > 0 { unsafe machine.scheduler.trace.mix(UnsafeRawBufferPointer(rebasing: bytes[0..<result])) }
        return result
    }

    func transmitDatagram(_ fd: Int32, _ bytes: UnsafeRawBufferPointer, _ address: SocketAddress) -> Int {
        let (file, error) = socketFile(fd)
        guard let datagram = file as? SimDatagram else {
            if error < 0 { return Int(error) }
            return address.family == .unspecified ? unsafe transmit(fd, bytes, isSend: true) : -Int(EISCONN)
        }
        return unsafe datagram.send(bytes, to: address, SimWrite(faults: faults))
    }

    func receiveDatagram(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ from: inout SocketAddress) -> Int {
        let (file, error) = socketFile(fd)
        guard let datagram = file as? SimDatagram else {
            return error < 0 ? Int(error) : unsafe receive(fd, buffer, isReceive: true)
        }
        return unsafe datagram.receive(buffer, &from, SimRead(faults: faults, isReceive: true))
    }

    /// Between a pipe and a socket, either way.
    func spliceBytes(_ from: Int32, _ to: Int32, _ count: Int) -> Int {
        guard let source = file(from), let target = file(to) else { return -Int(EBADF) }
        if let pipe = target as? SimPipeEnd, pipe.writes, source is SimStream {
            if !pipe.pipe.hasReader { return -Int(EPIPE) }
            let room = min(count, pipe.room)
            if room == 0 { return -Int(EAGAIN) }
            var bytes = [UInt8](repeating: 0, count: room)
            // SAFETY: the array's own bytes.
            let length = unsafe bytes.withUnsafeMutableBytes {
                unsafe source.read($0, SimRead(faults: faults, isReceive: true))
            }
            if length > 0 { pipe.splice(Array(bytes[0..<length])) }
            return length
        }
        if let pipe = source as? SimPipeEnd, !pipe.writes, let stream = target as? SimStream {
            let available = pipe.pipe.count
            if available == 0 { return pipe.pipe.hasWriter ? -Int(EAGAIN) : 0 }
            let offered = pipe.pipe.pages.reduce(into: [UInt8]()) { $0 += $1.bytes[$1.first...] }.prefix(count)
            // SAFETY: the array's own bytes.
            let sent = unsafe Array(offered).withUnsafeBytes { unsafe stream.write($0, SimWrite(faults: faults)) }
            if sent > 0 { _ = pipe.take(sent, isSplice: true) }
            return sent
        }
        machine.refuse("splice from \(source.kind) to \(target.kind)")
        return -Int(EINVAL)
    }
}
