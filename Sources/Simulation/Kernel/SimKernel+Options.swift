import Base
import CPlatform
import Glibc

// Socket options, and files by name.

// SAFETY: pointers are the caller's, valid for the counts that come with them (see `Kernel`).
extension SimKernel {
    /// Options that are kept and returned; what they change in a network of metal is of no consequence here.
    private static func isKnown(_ level: Int32, _ name: Int32) -> Bool {
        switch level {
        case SOL_SOCKET:
            return [
                SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_RCVBUF, SO_SNDBUF, SO_BINDTODEVICE, SO_MARK, SO_PRIORITY,
                SO_LINGER, SO_BROADCAST, SO_OOBINLINE, SO_PASSCRED, SO_BUSY_POLL,
            ].contains(name)
        case Int32(IPPROTO_TCP):
            return [
                TCP_NODELAY, TCP_CORK, TCP_QUICKACK, TCP_DEFER_ACCEPT, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT,
                TCP_USER_TIMEOUT, TCP_MAXSEG, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NOTSENT_LOWAT,
            ].contains(name)
        case Int32(IPPROTO_IP): return [IP_TRANSPARENT, IP_BIND_ADDRESS_NO_PORT, IP_TOS, IP_FREEBIND].contains(name)
        case Int32(IPPROTO_IPV6): return [IPV6_V6ONLY, IPV6_TRANSPARENT, IPV6_TCLASS].contains(name)
        default: return false
        }
    }

    private static let bindAddressNoPort: Int32 = 24

    func store(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        guard let file = file(fd) else { return -EBADF }
        guard file.isSocket else { return -ENOTSOCK }
        guard SimKernel.isKnown(level, name) else {
            machine.refuse("option \(level)/\(name)")
            return -ENOPROTOOPT
        }
        guard let stream = file as? SimStream else { return 0 }
        if level == Int32(IPPROTO_TCP) && stream.isUnix { return -EOPNOTSUPP }
        var kept = value
        if level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_SNDBUF) {
            kept = max(2304, value &* 2)
            if name == SO_RCVBUF { stream.inbound.capacity = Int(min(kept, 1 << 20)) }
        }
        stream.setOption(level, name, kept)
        return 0
    }

    func store(_ fd: Int32, _ level: Int32, _ name: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
        guard level == SOL_SOCKET, name == SO_LINGER, bytes.count >= MemoryLayout<linger>.size else {
            guard bytes.count == 4 else { return store(fd, level, name, 1) }
            // SAFETY: four bytes are there.
            return store(fd, level, name, unsafe bytes.loadUnaligned(as: Int32.self))
        }
        guard let file = file(fd) else { return -EBADF }
        // SAFETY: the structure's bytes are there.
        let value = unsafe bytes.loadUnaligned(as: linger.self)
        (file as? SimStream)?.lingersNot = value.l_onoff != 0 && value.l_linger == 0
        return file.isSocket ? 0 : -ENOTSOCK
    }

    func load(_ fd: Int32, _ level: Int32, _ name: Int32) -> Int {
        guard let file = file(fd) else { return -Int(EBADF) }
        guard file.isSocket else { return -Int(ENOTSOCK) }
        let stream = file as? SimStream
        let datagram = file as? SimDatagram
        if level == SOL_SOCKET {
            switch name {
            case SO_ERROR: return Int(stream?.takeError() ?? datagram?.takeError() ?? 0)
            case SO_ACCEPTCONN: return stream?.isListening == true ? 1 : 0
            case SO_TYPE: return Int(stream != nil ? SimKernel.streamType : SimKernel.datagramType)
            case SO_DOMAIN: return Int(stream?.family ?? datagram?.family ?? 0)
            default: break
            }
        }
        guard SimKernel.isKnown(level, name) else {
            machine.refuse("option \(level)/\(name)")
            return -Int(ENOPROTOOPT)
        }
        return Int(stream?.option(name, level: level) ?? 0)
    }

    // MARK: Files

    func openFile(_ path: String, _ flags: Int32) -> Int32 {
        if !hasRoom { return -EMFILE }
        if path == "/dev/null" { return install(SimOpenFile(machine, SimInode(), flags)) }
        if let node = machine.node(path) {
            if flags & O_CREAT != 0 && flags & O_EXCL != 0 { return -EEXIST }
            guard let inode = node.object as? SimInode else { return -ENXIO }
            if flags & O_TRUNC != 0 { inode.bytes = [] }
            return install(SimOpenFile(machine, inode, flags))
        }
        if flags & O_CREAT == 0 { return -ENOENT }
        machine.setContents(of: path, [])
        guard let inode = machine.node(path)?.object as? SimInode else { return -EIO }
        return install(SimOpenFile(machine, inode, flags))
    }

    func removeName(_ path: String) -> Int32 {
        guard machine.node(path) != nil else { return -ENOENT }
        machine.nodes.removeAll { $0.path == path }
        return 0
    }

    func moveName(_ from: String, _ to: String) -> Int32 {
        guard let node = machine.node(from) else { return -ENOENT }
        machine.nodes.removeAll { $0.path == from || $0.path == to }
        machine.nodes.append(SimNode(path: to, object: node.object))
        return 0
    }

    // MARK: poll and select

    private func mask(_ fd: Int32) -> UInt32? { file(fd)?.poll() }

    func pollDescriptors(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int) -> Int {
        var found = 0
        for index in 0..<count {
            // SAFETY: within the caller's array.
            let entry = unsafe descriptors + index
            unsafe entry.pointee.revents = 0
            if unsafe entry.pointee.fd < 0 { continue }
            guard let mask = unsafe mask(entry.pointee.fd) else {
                unsafe entry.pointee.revents = Int16(POLLNVAL)
                found += 1
                continue
            }
            let wanted = unsafe UInt32(UInt16(bitPattern: entry.pointee.events)) | Mask.always
            unsafe entry.pointee.revents = Int16(truncatingIfNeeded: mask & wanted)
            if mask & wanted != 0 { found += 1 }
        }
        if found == 0, count > 0, machine.inject(faults, .spuriousReadiness) {
            let entry = unsafe descriptors + machine.scheduler.random.below(count)
            if unsafe entry.pointee.fd >= 0 && Int32(entry.pointee.events) & POLLIN != 0 {
                unsafe entry.pointee.revents = Int16(POLLIN)
                found = 1
            }
        }
        return found
    }

    func pollWaiters(
        _ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int, _ fibre: SimFibre
    ) -> [(SimFile, FibreWaiter)] {
        var waiters: [(SimFile, FibreWaiter)] = []
        for index in 0..<count {
            // SAFETY: within the caller's array.
            let entry = unsafe descriptors[index]
            guard let file = file(entry.fd) else { continue }
            let waiter = FibreWaiter(fibre, UInt32(UInt16(bitPattern: entry.events)), self)
            file.attach(waiter)
            waiters.append((file, waiter))
        }
        return waiters
    }

    /// Every descriptor of the sets is open, or -EBADF. Sets are read into lists, for the answers overwrite them.
    func selected(_ count: Int32, _ words: UnsafeMutablePointer<UInt64>) -> [Int32] {
        var list: [Int32] = []
        for fd in 0..<max(0, min(count, Int32(HOST_FD_SETSIZE))) {
            // SAFETY: the sets have a bit for each number below the count.
            if unsafe words[Int(fd) / 64] >> UInt64(fd & 63) & 1 != 0 { list.append(fd) }
        }
        return list
    }

    static let readable = Mask.input | Mask.hangup | Mask.error
    static let writable = Mask.output | Mask.error

    func ready(_ list: [Int32], _ wanted: UInt32) -> [Int32] { list.filter { (mask($0) ?? 0) & wanted != 0 } }
}
